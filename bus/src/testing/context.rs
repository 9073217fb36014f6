//! A context for a handler that is called as the function that it is.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

#[cfg(doc)]
use super::TestBus;
use crate::builder::Builder;
use crate::bus::Bus;
use crate::clock::{MaybeDuration, MaybeInstant};
use crate::context::{Context, OwnedContext, Seed};
use crate::handler::param::Param;
use crate::handler::resource::{Provided, Resource};
use crate::message::order::HeldLanes;
use crate::message::{AnyEvent, Event, Message, MessageId, MessageInfo};
use crate::pipeline::options::{Head, Principal};
use crate::session::Session;
use crate::sync::{Mutex, lock};

/// A context for a handler that a test calls as the function that it is: [`Context::for_test`]. It *is* a
/// [`Context`]; what is said of it is said before it is used.
pub struct TestContext {
    /// Where there is none, it is made when it is needed, without handlers.
    bus: Option<Bus>,
    /// For that one.
    resources: Mutex<Vec<Provided>>,
    head: Head,
    session: Option<Session>,
    info: &'static MessageInfo,
    attempt: u32,
    made: OnceLock<(Bus, OwnedContext)>,
}

impl Context {
    /// A context for a test that calls a handler as the function that it is.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    ///
    /// #[event]
    /// struct Greeted(String);
    /// #[command(output = String)]
    /// struct Greet;
    ///
    /// #[handler]
    /// async fn greet(
    ///     _: &Greet,
    ///     word: &Res<String>,
    ///     emit: Emit<Greeted>,
    ///     cx: &Context,
    /// ) -> bus::Result<String> {
    ///     emit.send(Greeted(cx.header("name").unwrap_or("you").to_owned()));
    ///     Ok(word.to_string())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cx = Context::for_test().provide("hello".to_owned()).with_header("name", "ada");
    /// let said = greet(&Greet, cx.param(), cx.param(), &cx).await.unwrap();
    /// assert_eq!(said, "hello");
    /// assert_eq!(cx.emitted::<Greeted>()[0].0, "ada");
    /// # }
    /// ```
    #[must_use]
    pub fn for_test() -> TestContext {
        TestContext {
            bus: None,
            resources: Mutex::default(),
            head: Head::default(),
            session: None,
            info: <AnyEvent as Message>::INFO,
            attempt: 1,
            made: OnceLock::new(),
        }
    }
}

#[allow(clippy::return_self_not_must_use, reason = "as a builder")]
impl TestContext {
    /// Of this bus: what the handler executes and publishes goes there, and its resources are there. A
    /// [`TestBus`] will do.
    ///
    /// # Panics
    /// When something was [provided](Self::provide).
    #[track_caller]
    pub fn on(mut self, bus: &Bus) -> Self {
        self.bus = Some(bus.clone());
        self.must_have_one_source();
        self
    }

    /// In this session, and of its bus.
    ///
    /// # Panics
    /// When something was [provided](Self::provide).
    #[track_caller]
    pub fn in_session(mut self, session: &Session) -> Self {
        self.bus = Some(session.bus().clone());
        self.session = Some(session.clone());
        self.must_have_one_source();
        self
    }

    /// Provides a resource, where the context is of no bus: with [`on`](Self::on), the resources are that bus's.
    ///
    /// # Panics
    /// When it is of one.
    #[track_caller]
    pub fn provide<T: Resource>(self, value: T) -> Self {
        lock(&self.resources).push(Provided::new(value));
        self.must_have_one_source();
        self
    }

    #[track_caller]
    fn must_have_one_source(&self) {
        assert!(
            self.bus.is_none() || lock(&self.resources).is_empty(),
            "`.provide(..)` is for a context without a bus: with `.on(&bus)` or `.in_session(..)` the resources are that \
             bus's. Provide it there: `TestBus::builder().provide(..)`, or when the session is opened"
        );
    }

    /// Sets a header.
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.head.headers.set(name.into(), value.into());
        self
    }

    /// On whose behalf.
    pub fn with_principal(mut self, principal: Principal) -> Self {
        self.head.principal = Some(principal);
        self
    }

    /// What is handled: what [`Context::message`] tells of.
    pub fn with_message<M: Message>(mut self) -> Self {
        self.info = M::INFO;
        self
    }

    /// Which call of the handler this is: the first, unless this is said.
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

impl TestContext {
    /// What a handler takes beside its message: `&Res<T>`, `Emit<E>`, `Session`, or a type of one's own.
    ///
    /// # Panics
    /// When there is nothing to make it of, as a resource that was not provided.
    #[track_caller]
    pub fn param<'cx, P: Param<'cx>>(&'cx self) -> P {
        match P::extract(self) {
            Ok(param) => param,
            Err(error) => panic!("{error}"),
        }
    }

    /// The events of this type that were emitted so far. They go nowhere: a handler that a test calls is no
    /// part of a call of the bus.
    #[must_use]
    pub fn emitted<E: Event>(&self) -> Vec<Arc<E>> {
        let emitted = self.scratch().outbox.kept();
        emitted.into_iter().filter_map(|event| event.downcast().ok()).collect()
    }

    fn make(&self) -> (Bus, OwnedContext) {
        let bus = self.bus.clone().unwrap_or_else(|| {
            let provided = std::mem::take(&mut *lock(&self.resources));
            Builder::bare(provided)
        });
        let core = bus.core().arc();
        let seed = Seed {
            id: MessageId::next(core.number),
            info: self.info,
            attempt: self.attempt,
            attempts_before: 0,
            lifecycle: false,
            began: MaybeInstant::NONE,
            follows: None,
            timeout: MaybeDuration::NONE,
            attempt_timeout: MaybeDuration::NONE,
            deadline: MaybeInstant::NONE,
            origin: None,
            head: Some(Arc::new(self.head.clone())),
            session: self.session.as_ref().map(|session| Arc::clone(session.scope())),
            cancel: None,
            place: None,
            lanes: HeldLanes::None,
            shared: OnceLock::new(),
        };
        (bus, OwnedContext::made(core, seed))
    }
}

impl Deref for TestContext {
    type Target = Context;
    fn deref(&self) -> &Context {
        let (_, context) = self.made.get_or_init(|| self.make());
        context
    }
}

impl fmt::Debug for TestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestContext")
            .field("message", &self.info.name())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
