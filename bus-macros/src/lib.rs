//! The attribute macros of `bus`. Use them through that crate, which has the runtime that their
//! expansions name.
//!
//! Each goes the same way: *attribute* (tokens to arguments), *model* (what the expansion needs to
//! know), *validate* (only rules, only messages), *expand* (only quoting). Mistakes are collected on
//! the way, and the item of the user is always given back.

mod attribute;
mod diagnostic;
mod expansion;
mod filter;
mod handler;
mod handlers;
mod hook;
mod item;
mod message;
mod middleware;
mod resilience;
mod resource;
#[cfg(test)]
mod tests;

use attribute::Attribute;
use proc_macro::TokenStream;

/// Makes a struct or an enum a command: it asks exactly one handler to act, and is answered.
///
/// ```ignore
/// #[command(output = UserId, error = SignUpError, timeout = "5s")]
/// pub struct SignUp {
///     pub email: String,
/// }
///
/// let id: UserId = bus.execute(SignUp { email }).await?;
/// ```
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `output` | the type of a successful answer | `()` |
/// | `error` | the type of the handler's error | `bus::Error`, which takes any error by `?` |
/// | `kind` | `create`, `update`, `delete` or `other` | `other` |
/// | `name` | a stable name, in quotes; not on a generic type | the path of the type |
/// | `version` | of the message's shape, counted from 1 | `1` |
/// | `timeout` | how long an execution may take | that of the bus |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
///
/// A command has to be `Send + Sync + 'static`. It may be generic: each instance, such as
/// `Put<User>`, is a command of its own with a handler of its own.
///
/// # Durations
///
/// A duration is a text with a whole number and one unit: `"250ms"`, `"5s"`, `"2m"`, `"1h"`. Write
/// `"1500ms"` for one and a half seconds.
///
/// # Renamed crates
///
/// Where the bus is known by another name, say so: `crate = ::messaging`, or
/// `crate = ::facade::bus` for a re-export.
#[proc_macro_attribute]
pub fn command(args: TokenStream, item: TokenStream) -> TokenStream {
    message::expand(Attribute::Command, args.into(), item.into()).into()
}

/// Makes a struct or an enum an event: it tells any number of handlers that something happened.
///
/// ```ignore
/// #[event(kind = integration, name = "users.signed_up", version = 2)]
/// pub struct SignedUp {
///     pub id: UserId,
/// }
///
/// bus.publish(SignedUp { id }).await?;
/// ```
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `kind` | `domain`, `system` or `integration` | `domain` |
/// | `name` | a stable name, in quotes; not on a generic type | the path of the type |
/// | `version` | of the message's shape, counted from 1 | `1` |
/// | `key` | the name of a field, in quotes: events with the same key follow each other | no order between them |
/// | `ordered` | alone: all events of the type follow each other | no order between them |
/// | `stream` | a name, in quotes: types of one stream share their order, for each key if they have one | the type's own |
/// | `ttl` | how long an event may be queued, such as `"5m"`; then it is not handled any more | for ever |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
///
/// An event has to be `Send + Sync + 'static`. Its handlers share it, so it need not be `Clone`.
#[proc_macro_attribute]
pub fn event(args: TokenStream, item: TokenStream) -> TokenStream {
    message::expand(Attribute::Event, args.into(), item.into()).into()
}

/// Registers a function as a handler of the message that it takes first.
///
/// ```ignore
/// #[handler]
/// async fn sign_up(command: SignUp, users: &Res<Users>, cx: &Context) -> Result<UserId, SignUpError> {
///     let id = users.insert(&command.email)?;
///     cx.publish(SignedUp { id }).await?;
///     Ok(id)
/// }
///
/// #[handler(priority = 5)]
/// fn count(_: &SignedUp, counter: &Res<Counter>) {
///     counter.add(1);
/// }
/// ```
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `priority` | an `i32`: handlers of an event run from the highest down | `0` |
/// | `name` | a stable name, in quotes | the function's, or `Type::method` |
/// | `timeout` | how long the handler may take, such as `"5s"` | that of the message or the bus |
/// | `concurrency` | of an event: how many runs there may be at once, from 1 up | no limit of its own |
/// | `batch` | of an event, for a handler that takes `&[Arc<Event>]`: how many it takes at once at most, from 1 up | one at a time |
/// | `filter` | of an event: a `fn(&FilterView<'_>) -> bool` that decides whether it is called | always |
/// | `middleware` | what wraps this handler alone: the name of a [`macro@middleware`], what makes one, or several in brackets, outermost first | none of its own |
/// | `blocking` | the plain `fn` runs on a thread where it may block | it runs where the message is |
/// | `manual` | not registered, but offered: `bus.register::<sign_up>()` | registered everywhere |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
///
/// * The *message* comes first: `M`, `&M` or `Arc<M>`. An event is taken by value only if it is
///   `Clone`.
/// * The *other parameters* are injected: `&Context`, `Bus`, `&Res<T>`, `Res<T>`, `Emit<E>`, or a
///   type of your own that implements `Param`.
/// * A command handler *returns* `Result<Output, E>`, where `E` converts into the command's error;
///   an event handler nothing or `Result<(), E>`.
/// * Only an event handler has a `concurrency`; a run above it waits its turn, first come first
///   served. A command runs in its caller's task.
///
/// The function stays as it is, and can be called in tests. Beside it there is a type of the same
/// name, with which the handler can be named: `Bus::builder().without::<sign_up>()`.
///
/// For methods see [`macro@handlers`]; how a duration is written, and what `crate` is for, see
/// [`macro@command`].
#[proc_macro_attribute]
pub fn handler(args: TokenStream, item: TokenStream) -> TokenStream {
    handler::expand(args.into(), item.into()).into()
}

/// Registers the `#[handler]` methods of an `impl` block.
///
/// ```ignore
/// #[handlers]
/// impl Mailer {
///     #[handler]
///     async fn welcome(&self, event: &SignedUp) -> Result<(), MailError> {
///         self.send(event.id, "Welcome!").await
///     }
/// }
///
/// #[resource]
/// fn mailer() -> Mailer {
///     Mailer::new()
/// }
/// ```
///
/// The instance behind `&self` is a resource: it comes from a [`macro@resource`] function or from
/// `Bus::builder().provide(value)`, and that there is one is checked when the bus is built. The keys
/// of a method's `#[handler]` are those of [`macro@handler`], but for `manual`.
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
#[proc_macro_attribute]
pub fn handlers(args: TokenStream, item: TokenStream) -> TokenStream {
    handlers::expand(args.into(), item.into()).into()
}

/// Registers a function that makes a resource: a value that handlers take as `&Res<T>`.
///
/// ```ignore
/// #[resource]
/// fn users(db: &Res<Database>) -> Result<Users, DatabaseError> {
///     Users::open(db)
/// }
/// ```
///
/// It is called once for each bus, while that is built, after the resources that it takes itself.
/// Its parameters are `&Res<T>`, `Res<T>` or `WeakBus`. It returns the value or a `Result` of it; an
/// error stops the building of the bus. `Bus::builder().provide(value)` takes precedence.
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
#[proc_macro_attribute]
pub fn resource(args: TokenStream, item: TokenStream) -> TokenStream {
    resource::expand(args.into(), item.into()).into()
}

/// Registers a function that decides before the queue whether an event enters.
///
/// ```ignore
/// #[filter(priority = 10)]
/// fn not_too_large(event: &FilterView<'_>) -> bool {
///     event.get::<Uploaded>().is_none_or(|uploaded| uploaded.bytes.len() < 1_000_000)
/// }
/// ```
///
/// It is asked wherever an event is published, before the filters that are given to
/// `Bus::builder().filter(..)`, so it must be quick, and cannot be `async`. A filter with a state, or
/// for a single handler, is an `EventFilter`, or the key `filter` of [`macro@handler`].
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `priority` | an `i32`: higher ones are asked first | `0` |
/// | `name` | the name in outcomes and counts, in quotes | the function's |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
#[proc_macro_attribute]
pub fn filter(args: TokenStream, item: TokenStream) -> TokenStream {
    filter::expand(args.into(), item.into()).into()
}

/// Makes an `async fn` a middleware: it wraps the calls of handlers.
///
/// ```ignore
/// #[middleware(on = commands, priority = 10)]
/// async fn audit(call: &mut Call<'_>, next: Next, log: &Res<AuditLog>) -> Handled {
///     let handled = next.run(call).await;
///     log.write(call.info().name(), call.principal(), call.is_ok());
///     handled
/// }
/// ```
///
/// It takes the call and what comes after it; the *other parameters* are injected, as those of a
/// [`macro@handler`]. It returns `Handled`, which it gets from `next`, or from the answer that it gives
/// itself: `call.reject(..)`, `call.reply::<C>(..)`, `call.skip()`.
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `priority` | an `i32`: higher ones are further outside | `0` |
/// | `on` | `commands`, `events`, or one message type | all, but the bus's own events |
/// | `per_attempt` | inside of the timeout, as a part of each run of the handler | around all of them |
/// | `name` | the name in errors and descriptions, in quotes | the function's |
/// | `manual` | only where it is named: `#[handler(middleware = audit)]`, or `.middleware(audit {})` on the builder | everywhere |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
#[proc_macro_attribute]
pub fn middleware(args: TokenStream, item: TokenStream) -> TokenStream {
    middleware::expand(args.into(), item.into()).into()
}

/// Registers a function that is called before or after each run of a handler.
///
/// ```ignore
/// #[hook]
/// fn begins(call: &HookCall<'_>) {
///     STARTED.fetch_add(1, Ordering::Relaxed);
/// }
///
/// #[hook(on = events)]
/// fn ended(call: &HookCall<'_>, ended: &Ended<'_>) {
///     if !ended.is_ok() {
///         eprintln!("{} {ended}", call.handler());
///     }
/// }
/// ```
///
/// One that takes the call alone is called before the handler, one that takes `&Ended<'_>` as well after
/// it. What has to wait, or to change what happens, is a [`macro@middleware`].
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `priority` | an `i32`: higher ones are told first before, and last after | `0` |
/// | `on` | `commands`, `events`, or one message type | all, but the bus's own events |
/// | `name` | the name in descriptions, in quotes | the function's |
/// | `crate` | the path of the crate `bus`, where it has another name | `::bus` |
#[proc_macro_attribute]
pub fn hook(args: TokenStream, item: TokenStream) -> TokenStream {
    hook::expand(args.into(), item.into()).into()
}
