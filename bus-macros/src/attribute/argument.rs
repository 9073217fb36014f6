//! Walks through `key, key = value, ..`. After a mistake it goes on with the next argument, so that
//! one call reports them all.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseBuffer, ParseStream, Parser};
use syn::token::{Brace, Bracket, Paren};
use syn::{Token, parenthesized};

use super::arguments::Keyed;
use super::key::{Key, TakesKeys};
use super::part::Part;
use super::{Attribute, listed};
use crate::diagnostic::Errors;

/// The arguments of an attribute, filled one by one.
pub(crate) trait Arguments: Default {
    /// Takes the value of one of the attribute's own keys.
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()>;

    /// The rules for several of them together.
    fn check(&self, _: &mut Errors) {}
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

    /// A key that stands alone, or has arguments of its own.
    pub(super) fn part<A: Arguments>(&self, part: Part) -> syn::Result<A> {
        let mut arguments = A::default();
        let input = self.input;
        if input.peek(Paren) {
            let (inner, mut errors) = (inside(input)?, Errors::default());
            let walked = walk(part, self.attribute, &inner, &mut arguments, &mut errors);
            errors.keep(walked);
            errors.none()?;
        } else if input.peek(Token![=]) || input.peek(Brace) || input.peek(Bracket) {
            let usage = self.known.usage;
            let message = format!(
                "`{name}` is written `{usage}`, or `{name}` alone for the defaults",
                name = self.name()
            );
            return Err(syn::Error::new_spanned(skip(input)?, message));
        }
        Ok(arguments)
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
        |input: ParseStream<'_>| walk(attribute, attribute, input, &mut arguments, errors),
        tokens,
    );
    errors.keep(walked);
    arguments
}

fn inside<'a>(input: ParseStream<'a>) -> syn::Result<ParseBuffer<'a>> {
    let inner;
    parenthesized!(inner in input);
    Ok(inner)
}

/// The arguments of `owner`, which is the attribute or a part of it.
fn walk<A: Arguments>(
    owner: impl TakesKeys,
    attribute: Attribute,
    input: ParseStream<'_>,
    arguments: &mut A,
    errors: &mut Errors,
) -> syn::Result<()> {
    let mut seen: Vec<&str> = Vec::new();
    while !input.is_empty() {
        let Ok(key) = input.call(Ident::parse_any) else {
            errors.push(no_key(owner, input)?);
            continue;
        };
        if let Some(known) = owner.key(&key.unraw().to_string()) {
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
            errors.at(&key, owner.unknown(&key.to_string(), attribute));
            skip(input)?;
        }
        separator(input, errors)?;
    }
    arguments.check(errors);
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
        && (ahead.is_empty()
            || ahead.peek(Token![=])
            || ahead.peek(Token![,])
            || ahead.peek(Paren));
    if !is_argument {
        skip(input)?;
        input.parse::<Option<Token![,]>>()?;
    }
    Ok(())
}

/// Something stands where a key should.
fn no_key(owner: impl TakesKeys, input: ParseStream<'_>) -> syn::Result<syn::Error> {
    let known = listed(owner.names(), "or");
    if let Some(comma) = input.parse::<Option<Token![,]>>()? {
        return Ok(syn::Error::new_spanned(comma, "one comma too many: remove it"));
    }
    let wrong = skip(input)?;
    input.parse::<Option<Token![,]>>()?;
    Ok(syn::Error::new_spanned(wrong, format!("{owner} takes arguments by name: {known}")))
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
