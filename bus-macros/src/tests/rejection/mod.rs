//! Every mistake gives one error, at the user's own words, that names the fix. The errors that the
//! compiler itself gives are pinned in `ui-tests`.

mod arguments;
mod around;
mod functions;
mod items;
mod resilience;
mod several;
mod values;

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};

use super::expand;
use crate::attribute::Attribute;

/// An error: the words that it underlines, and what it says.
#[derive(Debug)]
struct Found {
    at: String,
    message: String,
}

/// Checks that exactly these errors are found: the words underlined, and a part of the message.
fn check(attribute: Attribute, args: &str, item: &str, expected: &[(&str, &str)]) {
    let mut found = Vec::new();
    collect(expand(attribute, args, item), &mut found);
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, (at, part))| found.at == *at && found.message.contains(part));
    assert!(
        same,
        "\nexpected {expected:#?}\nfound {found:#?}\nin #[{}({args})] {item}",
        attribute.name()
    );
}

/// One mistake in the arguments.
fn argument(attribute: Attribute, args: &str, at: &str, message: &str) {
    let item = match attribute {
        Attribute::Command | Attribute::Event => "struct S;",
        Attribute::Handler => "async fn f(m: M) {}",
        Attribute::Handlers => "impl S { #[handler] fn f(&self, m: M) {} }",
        Attribute::Resource => "fn f() -> S { S }",
        Attribute::Filter => "fn f(event: &FilterView<'_>) -> bool { true }",
        Attribute::Middleware => {
            "async fn f(call: &mut Call<'_>, next: Next) -> Handled { next.run(call).await }"
        }
        Attribute::Hook => "fn f(call: &HookCall<'_>) {}",
    };
    check(attribute, args, item, &[(at, message)]);
}

/// One mistake in the item.
fn item(attribute: Attribute, item: &str, at: &str, message: &str) {
    check(attribute, "", item, &[(at, message)]);
}

/// Finds each `::core::compile_error! { "message" }`.
fn collect(tokens: TokenStream, found: &mut Vec<Found>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let is_error = i >= 2 && tokens[i - 2].to_string() == "compile_error";
        if is_error && group.delimiter() == Delimiter::Brace {
            found.push(Found { at: underlined(tokens[i - 2].span(), group), message: text(group) });
        } else {
            collect(group.stream(), found);
        }
    }
}

/// The compiler underlines from the name of the macro to its group.
fn underlined(start: Span, end: &Group) -> String {
    start.join(end.span()).and_then(|all| all.source_text()).unwrap_or_default()
}

fn text(group: &Group) -> String {
    syn::parse2::<syn::LitStr>(group.stream()).expect("an error has a text").value()
}
