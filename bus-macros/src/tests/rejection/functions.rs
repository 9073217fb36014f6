//! The signatures of handlers and of resource functions.

use super::{check, item};
use crate::attribute::Attribute::{Filter, Handler, Resource};

#[test]
fn the_message() {
    item(Handler, "async fn f() {}", "f", "takes no message\n\nhelp: its first parameter");
    item(Handler, "fn f(m: &mut M) {}", "&mut M", "cannot be changed in place");
    item(Handler, "fn f(m: impl Event) {}", "impl Event", "one concrete message type");
    item(Handler, "fn f(m: &impl Event) {}", "impl Event", "one concrete message type");
    item(Handler, "fn f<'a>(m: &M<'a>) {}", "'a", "a message cannot borrow");
    check(Handler, "", "fn f(M { a, .. }: M) {}", &[]);
    check(Handler, "", "fn f<'a>(m: &'a M, cx: &'a Context) {}", &[]);
}

#[test]
fn the_reply() {
    item(Handler, "fn f(m: M) -> impl Future {}", "impl Future", "write `async fn ..");
    item(Handler, "async fn f(m: M) -> Result<impl T, E> {}", "impl T", "the name of the reply");
    item(Handler, "fn f(m: &M) -> Result<&str, E> {}", "&", "a reply cannot borrow");
    item(
        Handler,
        "fn f<'a>(m: &'a M) -> Result<Cow<'a, str>, E> {}",
        "'a",
        "a reply cannot borrow",
    );
    check(Handler, "", "fn f(m: M) -> Result<&'static str, fn(&str) -> &str> {}", &[]);
}

#[test]
fn generics() {
    item(Handler, "fn f<T>(m: Put<T>) {}", "T", "cannot be generic");
    item(Handler, "fn f<const N: usize>(m: Put<N>) {}", "const N: usize", "cannot be generic");
    item(Handler, "fn f<T>(m: Put<T>) where T: Send {}", "T", "cannot be generic");
    item(Handler, "fn f(m: M) where M: Send {}", "where M: Send", "needs no `where` clause");
    item(Handler, "fn f(m: M, p: impl Pay) {}", "impl Pay", "one concrete type");
}

#[test]
fn qualifiers() {
    item(Handler, "unsafe fn f(m: M) {}", "unsafe", "cannot be `unsafe`");
    item(Handler, "extern \"C\" fn f(m: M) {}", "extern \"C\"", "cannot be `extern`");
    item(Handler, "const fn f(m: M) {}", "const", "cannot be `const`");
    item(Handler, "fn f(m: M, ...) {}", "...", "cannot be variadic");
    check(
        Handler,
        "blocking",
        "async fn f(m: M) {}",
        &[("blocking", "remove `async` or `blocking`")],
    );
}

#[test]
fn attributes() {
    item(
        Handler,
        "fn f(m: M, #[cfg(test)] b: Bus) {}",
        "#[cfg(test)]",
        "cannot depend on `#[cfg]`",
    );
    item(Handler, "fn f(#[cfg(test)] m: M) {}", "#[cfg(test)]", "cannot depend on `#[cfg]`");
    check(Handler, "", "fn f(#[allow(unused)] m: M) {}", &[]);
    item(
        Handler,
        "#[handler(priority = 1)] fn f(m: M) {}",
        "#[handler(priority = 1)]",
        "given twice",
    );
    item(Handler, "#[resource] fn f(m: M) {}", "#[resource]", "not both");
    item(Resource, "#[handler] fn f() -> S {}", "#[handler]", "not both");
}

#[test]
fn resources() {
    item(Resource, "async fn f() -> S {}", "async", "cannot be `async`");
    item(Resource, "fn f<T>() -> S<T> {}", "T", "cannot be generic");
    item(Resource, "fn f(&self) -> S {}", "&self", "is a free function");
    item(Resource, "unsafe fn f() -> S {}", "unsafe", "cannot be `unsafe`");
    item(Resource, "fn f() {}", "f", "this one returns nothing");
    item(Resource, "fn f() -> () {}", "()", "this one returns nothing");
    item(Resource, "fn f() -> Result<(), E> {}", "()", "this one returns nothing");
    item(Resource, "fn f() -> impl Store {}", "impl Store", "needs a name");
    item(Resource, "fn f() -> Result<impl Store, E> {}", "impl Store", "needs a name");
    item(
        Resource,
        "fn f() -> io::Result {}",
        "io::Result",
        "write it out, as `Result<Store, Error>`",
    );
    item(Resource, "fn f(db: &Res<Db>) -> View<'_> {}", "'_", "a resource cannot borrow");
    item(Resource, "fn f(db: impl Db) -> S {}", "impl Db", "take `&Res<T>`");
    check(Resource, "", "fn f(db: &Res<Db>, bus: WeakBus) -> io::Result<S> {}", &[]);
}

#[test]
fn what_a_filter_cannot_be() {
    item(Filter, "async fn f(e: &FilterView<'_>) -> bool {}", "async", "cannot be `async`");
    item(Filter, "fn f<E>(e: &FilterView<'_>) -> bool {}", "E", "cannot be generic");
    item(Filter, "fn f(&self, e: &FilterView<'_>) -> bool {}", "&self", "is a free function");
    item(Filter, "unsafe fn f(e: &FilterView<'_>) -> bool {}", "unsafe", "cannot be `unsafe`");
    item(Filter, "#[filter] fn f(e: &FilterView<'_>) -> bool {}", "#[filter]", "given twice");
    item(Filter, "struct Positive;", "Positive", "implements `EventFilter`");
}
