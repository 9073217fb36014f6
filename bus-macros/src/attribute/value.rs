//! The values of arguments. A value of the wrong kind is underlined whole, and the message shows
//! one of the right kind.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, Lit, LitInt, LitStr, Path, Token, Type};

use super::argument::{Argument, skip};
use super::arguments::On;
use super::category::Category;
use super::duration;

impl Argument<'_> {
    /// A key that stands alone.
    pub(super) fn flag(&self) -> syn::Result<Ident> {
        if !self.input.peek(Token![=]) {
            return Ok(self.key.clone());
        }
        let wrong = skip(self.input)?;
        let name = self.name();
        Err(syn::Error::new_spanned(
            wrong,
            format!("`{name}` takes no value: write `{name}`, or leave it out"),
        ))
    }

    pub(super) fn ty(&self) -> syn::Result<Type> {
        self.value("a type, without quotes", Type::parse)
    }

    pub(super) fn path(&self) -> syn::Result<Path> {
        self.value("a path, without quotes", Path::parse_mod_style)
    }

    /// `commands`, `events`, or a type.
    pub(super) fn on(&self) -> syn::Result<On> {
        let ty = self.value("`commands`, `events` or a message type", Type::parse)?;
        let word = match &ty {
            Type::Path(path) if path.qself.is_none() => path.path.get_ident(),
            _ => None,
        };
        Ok(match word {
            Some(word) if word == "commands" => On::Commands,
            Some(word) if word == "events" => On::Events,
            _ => On::Message(Box::new(ty)),
        })
    }

    /// One middleware, or several in brackets, outermost first.
    pub(super) fn middleware(&self) -> syn::Result<Vec<Expr>> {
        let what = "the name of a `#[middleware]` function, what makes one, or several of them in \
                    brackets";
        let written = self.value(what, Expr::parse)?;
        match written {
            Expr::Array(several) if several.elems.is_empty() => {
                Err(syn::Error::new_spanned(several, "`middleware` names none: leave the key out"))
            }
            Expr::Array(several) => Ok(several.elems.into_iter().collect()),
            Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Struct(_) => {
                Ok(vec![written])
            }
            wrong => {
                let message = format!("`middleware` is {what}: `{}`", self.known.usage);
                Err(syn::Error::new_spanned(wrong, message))
            }
        }
    }

    pub(super) fn category(&self) -> syn::Result<Category> {
        let written = self.value("a word, without quotes", Ident::parse_any)?;
        Category::parse(self.attribute, &written)
    }

    /// A text that says something.
    pub(super) fn text(&self) -> syn::Result<String> {
        self.text_or("the default")
    }

    /// As [`text`](Self::text), where leaving it out means `otherwise`.
    pub(super) fn text_or(&self, otherwise: &str) -> syn::Result<String> {
        let literal = self.string("a text in quotes")?;
        let text = literal.value();
        if text.trim().is_empty() {
            let name = self.name();
            return Err(syn::Error::new_spanned(
                literal,
                format!("`{name}` must not be empty: leave it out for {otherwise}"),
            ));
        }
        Ok(text)
    }

    /// The name of a field.
    pub(super) fn field(&self) -> syn::Result<LitStr> {
        self.string("the name of a field, in quotes")
    }

    /// A limit of time.
    pub(super) fn duration(&self) -> syn::Result<Duration> {
        self.duration_or("no limit of its own")
    }

    /// A duration; leaving it out means `otherwise`.
    pub(super) fn duration_or(&self, otherwise: &str) -> syn::Result<Duration> {
        let literal = self.string("a duration in quotes")?;
        let parsed = duration::parse(&literal.value(), otherwise);
        parsed.map_err(|why| syn::Error::new_spanned(&literal, why))
    }

    pub(super) fn version(&self) -> syn::Result<u32> {
        self.count("a whole number", "versions count from 1").map(NonZeroU32::get)
    }

    pub(super) fn concurrency(&self) -> syn::Result<NonZeroU32> {
        let zero = "`concurrency = 0` leaves no run at all: leave the key out for no limit of its \
                    own";
        self.count("a whole number, at least 1", zero)
    }

    pub(super) fn batch(&self) -> syn::Result<NonZeroU32> {
        self.count("a whole number, at least 1", "a batch of `0` events is never full: at least 1")
    }

    pub(super) fn priority(&self) -> syn::Result<i32> {
        let (minus, literal) = self.value("an integer", |input| {
            Ok((input.parse::<Option<Token![-]>>()?, digits(input)?))
        })?;
        let sign = if minus.is_some() { "-" } else { "" };
        // With its sign, as the least `i32` has no positive counterpart.
        format!("{sign}{}", literal.base10_digits()).parse().map_err(|_| {
            let wrong = quote::quote!(#minus #literal);
            let (least, most) = (i32::MIN, i32::MAX);
            syn::Error::new_spanned(
                wrong,
                format!("`priority` must fit in an `i32`: from {least} to {most}"),
            )
        })
    }

    /// A number in `range`, which may be written without a point. The error says `why` it is out of it.
    pub(super) fn number(
        &self,
        range: RangeInclusive<f64>,
        what: &str,
        why: &str,
    ) -> syn::Result<f64> {
        let (minus, literal) =
            self.value(what, |input| Ok((input.parse::<Option<Token![-]>>()?, decimal(input)?)))?;
        let sign = if minus.is_some() { "-" } else { "" };
        let number: Option<f64> = format!("{sign}{}", literal.1).parse().ok();
        number.filter(|number| range.contains(number)).ok_or_else(|| {
            let literal = literal.0;
            let message = format!("`{}` is {what}: {why}", self.name());
            syn::Error::new_spanned(quote::quote!(#minus #literal), message)
        })
    }

    /// A number that is `what`. The error says `zero` where it is that.
    pub(super) fn count(&self, what: &str, zero: &str) -> syn::Result<NonZeroU32> {
        let literal = self.value(what, digits)?;
        match literal.base10_parse().map(NonZeroU32::new) {
            Ok(Some(count)) => Ok(count),
            Ok(None) => Err(syn::Error::new_spanned(literal, zero)),
            Err(_) => {
                let why = format!("`{}` must fit in a `u32`: at most {}", self.name(), u32::MAX);
                Err(syn::Error::new_spanned(literal, why))
            }
        }
    }

    fn string(&self, what: &str) -> syn::Result<LitStr> {
        self.value(what, |input| input.parse())
    }

    /// `= value`. When `parse` does not understand it, the error says that the key is `what`.
    pub(super) fn value<T>(
        &self,
        what: &str,
        parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>,
    ) -> syn::Result<T> {
        let (name, usage) = (self.name(), self.known.usage);
        let missing = || {
            let message = format!("`{name}` needs a value: `{usage}`");
            Err(syn::Error::new_spanned(&self.key, message))
        };
        if self.at_end() {
            return missing();
        }
        if !self.input.peek(Token![=]) {
            let wrong = skip(self.input)?;
            return Err(syn::Error::new_spanned(wrong, format!("`{name}` is written `{usage}`")));
        }
        self.input.parse::<Token![=]>()?;
        if self.at_end() {
            return missing();
        }
        let ahead = self.input.fork();
        if let Ok(value) = parse(&ahead) {
            self.input.advance_to(&ahead);
            return Ok(value);
        }
        let wrong = skip(self.input)?;
        Err(syn::Error::new_spanned(wrong, format!("`{name}` is {what}: `{usage}`")))
    }

    fn at_end(&self) -> bool {
        self.input.is_empty() || self.input.peek(Token![,])
    }
}

/// The digits of an integer: without a sign, which not every key may have, and without a type, which
/// is the key's.
fn digits(input: ParseStream<'_>) -> syn::Result<LitInt> {
    let literal: LitInt = input.parse()?;
    if literal.suffix().is_empty() && !literal.base10_digits().starts_with('-') {
        Ok(literal)
    } else {
        Err(input.error("expected digits"))
    }
}

/// The digits of a number, with a point or without: a sign and a type are as for [`digits`].
pub(super) fn decimal(input: ParseStream<'_>) -> syn::Result<(Lit, String)> {
    let literal: Lit = input.parse()?;
    let digits = match &literal {
        Lit::Int(int) if int.suffix().is_empty() => int.base10_digits().to_owned(),
        Lit::Float(float) if float.suffix().is_empty() => float.base10_digits().to_owned(),
        _ => return Err(input.error("expected a number")),
    };
    if digits.starts_with('-') {
        return Err(input.error("expected digits"));
    }
    Ok((literal, digits))
}
