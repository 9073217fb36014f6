//! `jitter = ..`: what chance does to a delay.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::token::Paren;

use super::argument::Argument;
use super::nearest::nearest;
use super::value::decimal;

/// The variants of the runtime's `Jitter`.
#[derive(Clone, Copy)]
pub(crate) enum Jitter {
    Full,
    Equal,
    Decorrelated,
    None,
    Spread(f64),
}

const WORDS: [&str; 5] = ["full", "equal", "decorrelated", "none", "spread"];
const ALL: &str = "`full`, `equal`, `decorrelated`, `none` or `spread(0.5)`";

impl Argument<'_> {
    pub(super) fn jitter(&self) -> syn::Result<Jitter> {
        let (word, part) = self.value(&format!("one of {ALL}, without quotes"), |input| {
            let word = input.call(Ident::parse_any)?;
            Ok((word, input.peek(Paren).then(|| input.parse()).transpose()?))
        })?;
        parse(&word, part)
    }
}

fn parse(word: &Ident, part: Option<proc_macro2::Group>) -> syn::Result<Jitter> {
    let text = word.to_string();
    let jitter = match (&*text, part) {
        ("spread", None) => {
            let message = "`spread` says by how much of the delay, from 0 to 1: `spread(0.5)`";
            return Err(syn::Error::new_spanned(word, message));
        }
        ("spread", Some(part)) => return spread(part),
        ("full", None) => Jitter::Full,
        ("equal", None) => Jitter::Equal,
        ("decorrelated", None) => Jitter::Decorrelated,
        ("none", None) => Jitter::None,
        ("full" | "equal" | "decorrelated" | "none", Some(part)) => {
            let message = format!("`{text}` takes no number: write `jitter = {text}`");
            return Err(syn::Error::new_spanned(part, message));
        }
        _ => {
            let mistake = match nearest(&text, WORDS) {
                Some(meant) => format!("unknown jitter `{text}`: did you mean `{meant}`?"),
                None => format!("unknown jitter `{text}`"),
            };
            let message = format!("{mistake}\n\nhelp: it is {ALL}");
            return Err(syn::Error::new_spanned(word, message));
        }
    };
    Ok(jitter)
}

fn spread(part: proc_macro2::Group) -> syn::Result<Jitter> {
    let parsed = (|input: ParseStream<'_>| decimal(input)).parse2(part.stream()).ok();
    let number = parsed.and_then(|(_, digits)| digits.parse().ok());
    let number = number.filter(|part| (0.0..=1.0).contains(part)).map(Jitter::Spread);
    number.ok_or_else(|| {
        let wrong: TokenStream =
            if part.stream().is_empty() { part.to_token_stream() } else { part.stream() };
        let message = "the part of `spread` is a number from 0 to 1: with `spread(0.5)` a delay is \
                       longer or shorter by up to its half";
        syn::Error::new_spanned(wrong, message)
    })
}
