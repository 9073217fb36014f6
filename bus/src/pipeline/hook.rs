//! Hooks: plain functions before and after each run of a handler.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::ended::Ended;
use super::failure::panic_text;
use super::middleware::layers::On;
use crate::context::Context;
use crate::message::{Message, MessageInfo};
use crate::registry::HandlerInfo;

/// Is told before and after each run of a handler: of a command, and of each (event, handler) pair. It
/// cannot change what happens; what has to is a [`Middleware`](crate::Middleware). In return it costs
/// next to nothing: no future, no allocation.
///
/// A run has an end for each beginning, whatever becomes of it: an answer, a panic, a timeout, a
/// cancelled session, a caller that drops its future. A hook that panics is logged, and disturbs
/// nobody.
///
/// ```standalone_crate
/// use bus::{Bus, Ended, Hook, HookCall, command, handler};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicI64, Ordering};
///
/// #[command]
/// struct Work;
/// #[handler]
/// async fn work(_: Work) -> bus::Result<()> { Ok(()) }
///
/// /// How many runs are under way.
/// #[derive(Clone, Default)]
/// struct Running(Arc<AtomicI64>);
///
/// impl Hook for Running {
///     fn before(&self, _: &HookCall<'_>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
///     fn after(&self, _: &HookCall<'_>, _: &Ended<'_>) {
///         self.0.fetch_sub(1, Ordering::Relaxed);
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let running = Running::default();
///     let bus = Bus::builder().hook(running.clone()).build()?;
///     bus.execute(Work).await?;
///     assert_eq!(running.0.load(Ordering::Relaxed), 0);
///     Ok(())
/// }
/// ```
pub trait Hook: Send + Sync + 'static {
    /// The handler is about to be called.
    fn before(&self, call: &HookCall<'_>) {
        let _ = call;
    }

    /// The run has ended. What it has emitted is not sent yet.
    fn after(&self, call: &HookCall<'_>, ended: &Ended<'_>) {
        let _ = (call, ended);
    }

    /// Is it told of the handlers of this message? Asked when a handler is registered, not at each call.
    /// The handlers of the bus's own events are left out, unless this names them.
    fn concerns(&self, message: &MessageInfo) -> bool {
        !message.is_own()
    }

    /// The name in descriptions and logs: that of the type, unless it says otherwise.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
    }
}

/// A run of a handler, as a hook sees it.
pub struct HookCall<'a> {
    context: &'a Context,
    handler: &'a HandlerInfo,
    message: Option<&'a dyn Any>,
}

impl<'a> HookCall<'a> {
    /// What the handler sees: ids, session, principal, headers, attempt, resources, the bus.
    #[must_use]
    pub fn context(&self) -> &'a Context {
        self.context
    }

    /// What is known of the type of the message.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.context.message()
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &'a HandlerInfo {
        self.handler
    }

    /// The message, if it is of type `M`. After the run of a command it is gone: it belonged to its
    /// handler.
    #[must_use]
    pub fn get<M: Message>(&self) -> Option<&'a M> {
        self.message?.downcast_ref()
    }
}

impl fmt::Debug for HookCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HookCall({} by {})", self.info().name(), self.handler)
    }
}

/// The hooks of one handler, in their order.
pub(crate) type Hooks = Box<[Arc<dyn Hook>]>;

/// Tells them that a run begins.
pub(crate) fn before(
    hooks: &Hooks,
    context: &Context,
    handler: &HandlerInfo,
    message: Option<&dyn Any>,
) {
    let call = HookCall { context, handler, message };
    for hook in hooks {
        guarded(&**hook, || hook.before(&call));
    }
}

/// Tells them that it has ended: the last one first, so that each is around those after it.
pub(crate) fn after(hooks: &Hooks, context: &Context, handler: &HandlerInfo, ended: &Ended<'_>) {
    let call = HookCall { context, handler, message: None };
    for hook in hooks.iter().rev() {
        guarded(&**hook, || hook.after(&call, ended));
    }
}

fn guarded(hook: &dyn Hook, tell: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(tell)) {
        let (name, text) = (name_of(hook), panic_text(&*panic));
        tracing::error!(hook = &*name, panic = text, "a hook panicked");
    }
}

/// A `#[hook]` function. Named by generated code alone.
#[allow(missing_docs, missing_debug_implementations)]
pub struct HookFn {
    pub name: &'static str,
    pub on: On,
    pub tells: Tells,
}

/// When it is called.
#[allow(missing_docs, missing_debug_implementations)]
pub enum Tells {
    Before(fn(&HookCall<'_>)),
    After(fn(&HookCall<'_>, &Ended<'_>)),
}

impl Hook for HookFn {
    fn before(&self, call: &HookCall<'_>) {
        if let Tells::Before(before) = self.tells {
            before(call);
        }
    }
    fn after(&self, call: &HookCall<'_>, ended: &Ended<'_>) {
        if let Tells::After(after) = self.tells {
            after(call, ended);
        }
    }
    fn concerns(&self, message: &MessageInfo) -> bool {
        self.on.concerns(message)
    }
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.name)
    }
}

/// Those that concern a message, in their order.
pub(crate) fn of(message: &MessageInfo, all: &[Arc<dyn Hook>]) -> Hooks {
    let concerns = |hook: &&Arc<dyn Hook>| {
        catch_unwind(AssertUnwindSafe(|| hook.concerns(message))).unwrap_or_else(|_| {
            let hook = &*name_of(&***hook);
            tracing::error!(hook, "a hook panicked when it was asked what it concerns");
            true
        })
    };
    all.iter().filter(concerns).cloned().collect()
}

/// Its name is written by a user too.
pub(crate) fn name_of(hook: &dyn Hook) -> Cow<'static, str> {
    catch_unwind(AssertUnwindSafe(|| hook.name())).unwrap_or(Cow::Borrowed("a hook"))
}
