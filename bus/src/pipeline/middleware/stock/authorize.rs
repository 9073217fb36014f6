//! Asks a policy whether a call may be made.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Middleware, Next};

type Policy = Box<dyn Fn(&Call<'_>) -> Result<(), Denied> + Send + Sync>;

/// Asks a policy whether a call may be made: [`authorize`].
pub struct Authorize {
    policy: Policy,
    name: Cow<'static, str>,
}

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied(Cow<'static, str>);

impl Denied {
    /// For this reason, which the caller is told.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

/// What a policy may say: `bool`, or a `Result` that has the reason.
pub trait Verdict {
    /// As a result.
    ///
    /// # Errors
    /// When the call may not be made.
    fn verdict(self) -> Result<(), Denied>;
}
impl Verdict for bool {
    fn verdict(self) -> Result<(), Denied> {
        if self { Ok(()) } else { Err(Denied(Cow::Borrowed("not allowed"))) }
    }
}
impl Verdict for Result<(), Denied> {
    fn verdict(self) -> Result<(), Denied> {
        self
    }
}

/// Lets calls through that `policy` allows, by their principal, message, session or headers, and rejects
/// the others. A policy that panics allows nothing.
///
/// ```standalone_crate
/// use bus::{Bus, Layer, Principal, command, handler};
/// use bus::middleware::{Denied, authorize, require_principal};
///
/// #[command]
/// struct Refund { cents: u64 }
/// #[handler]
/// async fn refund(_: Refund) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let small = authorize(|call| match call.get::<Refund>() {
///         Some(refund) if refund.cents > 10_000 => Err(Denied::new("ask a manager")),
///         _ => Ok(()),
///     });
///     let bus = Bus::builder()
///         .middleware(Layer::new(require_principal()).on_commands().priority(10))
///         .middleware(Layer::new(small).on::<Refund>())
///         .build()?;
///     assert!(bus.execute(Refund { cents: 5 }).await.is_err(), "nobody is signed in");
///     let ada = Principal::new("ada");
///     bus.execute(Refund { cents: 5 }).principal(ada.clone()).await?;
///     let refused = bus.execute(Refund { cents: 50_000 }).principal(ada).await.unwrap_err();
///     assert!(refused.to_string().ends_with("middleware authorize: ask a manager"));
///     Ok(())
/// }
/// ```
pub fn authorize<V: Verdict>(policy: impl Fn(&Call<'_>) -> V + Send + Sync + 'static) -> Authorize {
    Authorize { policy: Box::new(move |call| policy(call).verdict()), name: "authorize".into() }
}

/// Lets calls through that are made on behalf of somebody.
#[must_use]
pub fn require_principal() -> Authorize {
    let policy = |call: &Call<'_>| match call.principal() {
        Some(_) => Ok(()),
        None => Err(Denied::new("it is made on behalf of nobody")),
    };
    authorize(policy).named("require principal")
}

/// Lets calls through that are made on behalf of somebody with this role.
pub fn require_role(role: impl Into<String>) -> Authorize {
    let role = role.into();
    let name = format!("require role {role}");
    let policy = move |call: &Call<'_>| match call.principal() {
        Some(principal) if principal.has_role(&role) => Ok(()),
        Some(principal) => Err(Denied(format!("{} has not that role", principal.id()).into())),
        None => Err(Denied::new("it is made on behalf of nobody")),
    };
    authorize(policy).named(name)
}

impl Authorize {
    /// The name in errors and descriptions.
    #[must_use]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }
}

#[async_trait]
impl Middleware for Authorize {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        match (self.policy)(call) {
            Ok(()) => next.run(call).await,
            Err(Denied(reason)) => call.reject(reason),
        }
    }

    fn name(&self) -> Cow<'static, str> {
        self.name.clone()
    }
}

impl fmt::Debug for Authorize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorize({})", self.name)
    }
}
