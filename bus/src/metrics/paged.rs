//! Sorting without keeping everything: what is exported has an order, and takes a page of memory.

use std::collections::BTreeMap;

/// How many are kept at once.
const PAGE: usize = 64;

/// Shows what `scan` offers in the order of its keys, those of one key merged. `scan` is called once for each page.
pub(super) fn paged<K: Ord, V>(
    scan: impl Fn(&mut dyn FnMut(K, V)),
    merge: impl Fn(&mut V, V),
    mut show: impl FnMut(&K, &V),
) {
    let mut last: Option<K> = None;
    loop {
        let (mut page, mut is_more) = (BTreeMap::<K, V>::new(), false);
        scan(&mut |key, value| {
            if last.as_ref().is_some_and(|last| key <= *last) {
                return;
            }
            // What falls off the page is greater than all that stays, so it is whole on a later one.
            if let Some(former) = page.get_mut(&key) {
                merge(former, value);
            } else {
                page.insert(key, value);
            }
            if page.len() > PAGE {
                page.pop_last();
                is_more = true;
            }
        });
        page.iter().for_each(|(key, value)| show(key, value));
        match page.pop_last() {
            Some((key, _)) if is_more => last = Some(key),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pages_show_what_a_map_would(all in prop::collection::vec((0..300_u16, 0..9_u64), 0..700)) {
            let mut map = BTreeMap::<_, u64>::new();
            all.iter().for_each(|(key, value)| *map.entry(*key).or_default() += value);
            let mut shown = Vec::new();
            paged(
                |offer| all.iter().for_each(|(key, value)| offer(*key, *value)),
                |sum, value| *sum += value,
                |key, value| shown.push((*key, *value)),
            );
            prop_assert_eq!(shown, map.into_iter().collect::<Vec<_>>());
        }
    }
}
