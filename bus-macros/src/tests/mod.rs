//! What the attributes expand to, and what they reject.

mod expansion;
mod rejection;

use proc_macro2::TokenStream;

use crate::attribute::Attribute;

/// Expands `#[attribute(args)] item`.
fn expand(attribute: Attribute, args: &str, item: &str) -> TokenStream {
    let (args, item) = (parse(args), parse(item));
    match attribute {
        Attribute::Command | Attribute::Event => crate::message::expand(attribute, args, item),
        Attribute::Handler => crate::handler::expand(args, item),
        Attribute::Handlers => crate::handlers::expand(args, item),
        Attribute::Resource => crate::resource::expand(args, item),
        Attribute::Filter => crate::filter::expand(args, item),
        Attribute::Middleware => crate::middleware::expand(args, item),
        Attribute::Hook => crate::hook::expand(args, item),
    }
}

fn parse(source: &str) -> TokenStream {
    source.parse().expect("the test's source is made of tokens")
}
