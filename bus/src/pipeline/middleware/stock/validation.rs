//! Lets valid messages alone through.

use std::any::Any;
use std::borrow::Cow;

use async_trait::async_trait;

use crate::message::{Invalid, MessageInfo};
use crate::pipeline::middleware::{Call, Handled, Middleware, Next};

/// Lets valid messages alone through: [`validation`].
#[derive(Debug, Clone, Copy)]
pub struct Validation(());

/// Asks messages that are [`Validate`](crate::Validate) what is wrong with them, and rejects those that
/// say something, with the names of the fields. It does not stand around the handlers of others.
///
/// ```standalone_crate
/// use bus::{Bus, Invalid, Validate, command, handler, middleware};
///
/// #[command]
/// struct Pay { cents: i64 }
/// impl Validate for Pay {
///     fn validate(&self, invalid: &mut Invalid) {
///         invalid.unless(self.cents > 0, "cents", "must be more than 0");
///     }
/// }
/// #[handler]
/// async fn pay(_: Pay) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::builder().middleware(middleware::validation()).build()?;
///     let refused = bus.execute(Pay { cents: -5 }).await.unwrap_err();
///     assert!(refused.to_string().ends_with("middleware validation: cents must be more than 0"));
///     Ok(())
/// }
/// ```
#[must_use]
pub fn validation() -> Validation {
    Validation(())
}

#[async_trait]
impl Middleware for Validation {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let Some(validate) = call.info().capabilities().validate else {
            return next.run(call).await;
        };
        let problems = |message: &dyn Any| {
            let mut invalid = Invalid::default();
            validate(message, &mut invalid);
            (!invalid.is_empty()).then_some(invalid)
        };
        if let Some(invalid) = call.message().and_then(problems) {
            return call.reject(invalid);
        }
        // Of a batch, those that are valid go on.
        let of_batch: Vec<_> = call.events().map(problems).enumerate().collect();
        for (at, invalid) in of_batch {
            if let Some(invalid) = invalid {
                call.reject_event(at, invalid);
            }
        }
        next.run(call).await
    }

    fn concerns(&self, message: &MessageInfo) -> bool {
        message.capabilities().validate.is_some()
    }

    fn name(&self) -> Cow<'static, str> {
        "validation".into()
    }
}
