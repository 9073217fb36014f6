//! The modules of what is linked, for who names one.

use std::collections::BTreeSet;

use super::entry::{MessageEntry, RegisteredResource};
use super::problem::WiringProblem;
use super::wiring::{is_within, registered};

/// So many are enough to find the one that was meant.
const NAMED: usize = 5;

/// Those of the named modules in which nothing is linked: no handler, message or resource. A name that is misspelt
/// would leave a bus without handlers, and without a word.
pub(crate) fn problems_of(named: &[String]) -> Vec<WiringProblem> {
    if named.is_empty() {
        return Vec::new();
    }
    let linked = linked();
    let is_there = |name: &String| {
        let name = std::slice::from_ref(name);
        linked.iter().any(|module| is_within(module, name))
    };
    let problem = |module: &String| WiringProblem::NoSuchModule {
        module: module.clone(),
        there: nearest(module, &linked).into_iter().map(str::to_owned).collect(),
    };
    named.iter().filter(|name| !is_there(name)).map(problem).collect()
}

fn linked() -> BTreeSet<&'static str> {
    let messages = inventory::iter::<MessageEntry>.into_iter().map(|entry| entry.0);
    let messages = messages.filter(|message| !message.is_own()).map(|message| message.module());
    let resources = inventory::iter::<RegisteredResource>.into_iter().map(|e| e.0.meta.module);
    let handlers = registered().into_iter().map(|entry| entry.meta.module);
    handlers.chain(messages).chain(resources).collect()
}

/// Those that begin and end most as this does.
fn nearest<'m>(name: &str, linked: &BTreeSet<&'m str>) -> Vec<&'m str> {
    // The name of a package may have what that of its crate has not.
    let name = name.replace('-', "_");
    let same = |module: &str| {
        let first = name.chars().zip(module.chars()).take_while(|(a, b)| a == b).count();
        let last = name.chars().rev().zip(module.chars().rev());
        first + last.take_while(|(a, b)| a == b).count()
    };
    let mut all: Vec<_> = linked.iter().copied().collect();
    all.sort_by_key(|module| std::cmp::Reverse(same(module)));
    all.truncate(NAMED);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearest_comes_first() {
        let linked = ["shop", "shop::billing", "shop::shipping", "the_mail"].into();
        assert_eq!(nearest("shop::biling", &linked)[0], "shop::billing");
        assert_eq!(nearest("shop::shiping", &linked)[0], "shop::shipping");
        assert_eq!(nearest("the-mail", &linked)[0], "the_mail");
        assert_eq!(nearest("", &linked).len(), 4);
    }
}
