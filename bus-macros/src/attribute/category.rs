//! `kind = ..`: what sort of command or event a message is.

use proc_macro2::Ident;

use super::{Attribute, listed, nearest::nearest};

/// A value of `kind`, and the variant of the runtime's `Category` that it means.
#[derive(Clone, Copy)]
pub(crate) struct Category {
    written: &'static str,
    pub(crate) variant: &'static str,
}

const CREATE: Category = Category { written: "create", variant: "Create" };
const UPDATE: Category = Category { written: "update", variant: "Update" };
const DELETE: Category = Category { written: "delete", variant: "Delete" };
const OTHER: Category = Category { written: "other", variant: "Other" };
const DOMAIN: Category = Category { written: "domain", variant: "Domain" };
const SYSTEM: Category = Category { written: "system", variant: "System" };
const INTEGRATION: Category = Category { written: "integration", variant: "Integration" };

impl Category {
    /// What a message is when `kind` is left out.
    pub(crate) fn default_of(attribute: Attribute) -> Self {
        if attribute == Attribute::Command { OTHER } else { DOMAIN }
    }

    pub(crate) fn parse(attribute: Attribute, written: &Ident) -> syn::Result<Self> {
        let text = written.to_string();
        if let Some(found) = find(all(attribute), &text) {
            return Ok(found);
        }
        let (this, other) = match attribute {
            Attribute::Event => ("an event", Attribute::Command),
            _ => ("a command", Attribute::Event),
        };
        let known = || all(attribute).iter().map(|category| category.written);
        let mistake = if find(all(other), &text).is_some() {
            format!("`{text}` is a kind of {}, not of {this}", other.name())
        } else if let Some(meant) = nearest(&text, known()) {
            format!("unknown kind `{text}`: did you mean `{meant}`?")
        } else {
            format!("unknown kind `{text}`")
        };
        let help = format!("help: {this} is {}", listed(known(), "or"));
        Err(syn::Error::new_spanned(written, format!("{mistake}\n\n{help}")))
    }
}

fn all(attribute: Attribute) -> &'static [Category] {
    match attribute {
        Attribute::Event => &[DOMAIN, SYSTEM, INTEGRATION],
        _ => &[CREATE, UPDATE, DELETE, OTHER],
    }
}

fn find(among: &[Category], text: &str) -> Option<Category> {
    among.iter().copied().find(|category| category.written == text)
}
