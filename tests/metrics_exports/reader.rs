//! Reads the text formats by their grammar; what does not follow it is an error that names the line.

use std::collections::BTreeMap;

/// A family as it was written.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Sample {
    /// What follows the name of the family.
    pub(crate) suffix: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// Families by name. Both formats: OpenMetrics has an end, which the caller takes off.
pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Family>, String> {
    let mut families = BTreeMap::<String, Family>::new();
    let mut name = String::new();
    for line in text.strip_suffix('\n').ok_or("the last line has no end")?.split('\n') {
        read_line(line, &mut name, &mut families).map_err(|why| format!("{why}: {line:?}"))?;
    }
    Ok(families)
}

fn read_line(
    line: &str,
    name: &mut String,
    families: &mut BTreeMap<String, Family>,
) -> Result<(), &'static str> {
    if let Some(rest) = line.strip_prefix("# ") {
        let (what, rest) = rest.split_once(' ').ok_or("a comment of no kind")?;
        let (of, text) = rest.split_once(' ').ok_or("a comment that says nothing")?;
        if what == "HELP" {
            if families.contains_key(of) {
                return Err("a family begins twice");
            }
            of.clone_into(name);
            families.insert(of.to_owned(), Family { help: text.to_owned(), ..Family::default() });
            return Ok(());
        }
        if of != name {
            return Err("a comment of another family");
        }
        let family = families.get_mut(of).ok_or("a family without help")?;
        if !family.samples.is_empty() {
            return Err("a comment among samples");
        }
        let place = match what {
            "TYPE" => &mut family.kind,
            "UNIT" => family.unit.get_or_insert_default(),
            _ => return Err("a comment of no known kind"),
        };
        if !std::mem::replace(place, text.to_owned()).is_empty() {
            return Err("said twice");
        }
        return Ok(());
    }
    let family = families.get_mut(name).ok_or("a sample of no family")?;
    let rest = line.strip_prefix(name.as_str()).ok_or("a sample of another family")?;
    let end = rest.find(['{', ' ']).ok_or("a name without a value")?;
    let (suffix, rest) = rest.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => read_labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let value =
        if value == "+Inf" { f64::INFINITY } else { value.parse().map_err(|_| "no number")? };
    family.samples.push(Sample { suffix: suffix.to_owned(), labels, value });
    Ok(())
}

type Labels = Vec<(String, String)>;

/// Up to the brace that ends them, and what comes after it.
fn read_labels(mut rest: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Labels::new();
    loop {
        let (name, value) = rest.split_once("=\"").ok_or("a label without a value")?;
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || !name.chars().all(is_letter)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return Err("a label of no name");
        }
        let mut read = String::new();
        let mut chars = value.char_indices();
        let end = loop {
            match chars.next().ok_or("a label without an end")? {
                (at, '"') => break at + 1,
                (_, '\\') => read.push(match chars.next().ok_or("an escape of nothing")?.1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    _ => return Err("an escape that there is not"),
                }),
                (_, c) => read.push(c),
            }
        };
        labels.push((name.to_owned(), read));
        rest = &value[end..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok((labels, rest.strip_prefix('}').ok_or("labels without an end")?)),
        }
    }
}
