//! "Did you mean": the known word that a misspelt one is nearest to.

/// The candidate nearest to `word`, if it is near enough to be what was meant: one slip for each
/// three letters, and at least one.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (slips(&word, candidate), candidate))
        .filter(|(slips, candidate)| *slips <= (candidate.len() / 3).max(1))
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, replace or swap with their neighbour to get from `a` to `b`
/// (optimal string alignment).
fn slips(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Row `i` holds the distances from the first `i` letters of `a` to each start of `b`.
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before_last[j - 2] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const KEYS: [&str; 4] = ["priority", "name", "timeout", "blocking"];

    #[test]
    fn a_slip_is_found() {
        assert_eq!(nearest("prioritty", KEYS), Some("priority"));
        assert_eq!(nearest("naem", KEYS), Some("name"));
        assert_eq!(nearest("Timeout", KEYS), Some("timeout"));
        assert_eq!(nearest("bloking", KEYS), Some("blocking"));
    }

    #[test]
    fn another_word_is_not() {
        assert_eq!(nearest("retries", KEYS), None);
        assert_eq!(nearest("", KEYS), None);
        assert_eq!(nearest("tine", KEYS), None);
    }
}
