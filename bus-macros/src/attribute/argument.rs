//! Walks through `key, key = value, ..`. After a mistake it goes on with the next argument, so that
//! one call reports them all.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::Token;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};

use super::arguments::Keyed;
use super::key::Key;
use super::{Attribute, listed};
use crate::diagnostic::Errors;

/// The arguments of an attribute, filled one by one.
pub(crate) trait Arguments: Default {
    /// Takes the value of one of the attribute's own keys.
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()>;
}

/// A key that has been read, before its value.
pub(crate) struct Argument<'a> {
    pub(super) attribute: Attribute,
    pub(super) key: Ident,
    pub(super) known: &'static Key,
    pub(super) input: ParseStream<'a>,
}

impl Argument<'_> {
    pub(super) fn name(&self) -> &'static str {
        self.known.name
    }

    pub(super) fn keyed<T>(&self, value: T) -> Keyed<T> {
        Keyed { key: self.key.clone(), value }
    }
}

/// Parses the arguments of `attribute`. What is wrong is noted and left out.
pub(crate) fn parse<A: Arguments>(
    attribute: Attribute,
    tokens: TokenStream,
    errors: &mut Errors,
) -> A {
    let mut arguments = A::default();
    let walked = Parser::parse2(
        |input: ParseStream<'_>| walk(attribute, input, &mut arguments, errors),
        tokens,
    );
    errors.keep(walked);
    arguments
}

fn walk<A: Arguments>(
    attribute: Attribute,
    input: ParseStream<'_>,
    arguments: &mut A,
    errors: &mut Errors,
) -> syn::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    while !input.is_empty() {
        let Ok(key) = input.call(Ident::parse_any) else {
            errors.push(no_key(attribute, input)?);
            continue;
        };
        if let Some(known) = attribute.key(&key.unraw().to_string()) {
            let argument = Argument { attribute, key, known, input };
            // A doubled key is still parsed, to go on behind it, but the first one counts.
            let taken = if seen.contains(&known.name) {
                errors.at(&argument.key, format!("`{}` is given twice: remove one", known.name));
                A::default().take(&argument)
            } else {
                seen.push(known.name);
                arguments.take(&argument)
            };
            errors.keep(taken);
        } else {
            errors.at(&key, attribute.unknown(&key.to_string()));
            skip(input)?;
        }
        separator(input, errors)?;
    }
    Ok(())
}

/// The comma behind an argument. A missing one is noted, and an argument behind it is still read.
fn separator(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<()> {
    if input.is_empty() || input.parse::<Option<Token![,]>>()?.is_some() {
        return Ok(());
    }
    let next: TokenTree = input.fork().parse()?;
    errors.at(&next, format!("expected `,` before `{next}`"));
    let ahead = input.fork();
    let is_argument = ahead.call(Ident::parse_any).is_ok()
        && (ahead.is_empty() || ahead.peek(Token![=]) || ahead.peek(Token![,]));
    if !is_argument {
        skip(input)?;
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(())
}

/// Something stands where a key should.
fn no_key(attribute: Attribute, input: ParseStream<'_>) -> syn::Result<syn::Error> {
    let known = listed(attribute.names(), "or");
    if let Some(comma) = input.parse::<Option<Token![,]>>()? {
        return Ok(syn::Error::new_spanned(comma, "one comma too many: remove it"));
    }
    let wrong = skip(input)?;
    input.parse::<Option<Token![,]>>()?;
    Ok(syn::Error::new_spanned(wrong, format!("{attribute} takes arguments by name: {known}")))
}

/// Takes all tokens up to the comma that ends the argument; commas in `<..>` do not.
pub(super) fn skip(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let (mut skipped, mut depth) = (TokenStream::new(), 0_usize);
    loop {
        if input.is_empty() || (depth == 0 && input.peek(Token![,])) {
            return Ok(skipped);
        }
        let token: TokenTree = input.parse()?;
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        skipped.extend([token]);
    }
}
