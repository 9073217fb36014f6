//! The lane that an event takes: `key`, `ordered` and `stream`.

use syn::ext::IdentExt;
use syn::{Data, DeriveInput, LitStr, Member, Type};

use crate::attribute::MessageArgs;
use crate::attribute::nearest::nearest;
use crate::diagnostic::Errors;

pub(super) struct Order {
    pub(super) stream: Option<String>,
    /// Without one, all take the same lane.
    pub(super) key: Option<Key>,
}

/// The field whose value chooses the lane.
pub(super) struct Key {
    /// As it was written: there a type is reported that cannot be one.
    pub(super) written: LitStr,
    pub(super) field: Member,
    pub(super) ty: Type,
}

impl Order {
    pub(super) fn of(input: &DeriveInput, args: &MessageArgs) -> Option<Self> {
        let key = args.order_key.as_ref().and_then(|key| Key::find(input, &key.value));
        let is_ordered = args.ordered.is_some() || args.stream.is_some() || key.is_some();
        is_ordered.then(|| Self { stream: args.stream.clone(), key })
    }
}

impl Key {
    /// The field of this name, or number.
    fn find(input: &DeriveInput, written: &LitStr) -> Option<Self> {
        let name = written.value();
        let (field, ty) = fields(input).find(|(field, _)| name_of(field) == name)?;
        Some(Self { written: written.clone(), field, ty: ty.clone() })
    }
}

/// The rules.
pub(super) fn check(input: &DeriveInput, args: &MessageArgs, errors: &mut Errors) {
    let Some(key) = &args.order_key else { return };
    if let Some(ordered) = &args.ordered {
        errors.at(
            ordered,
            "`ordered` is one lane for all events of the type, `key` is one for each key: remove \
             one of them",
        );
    }
    if Key::find(input, &key.value).is_none() {
        errors.at(&key.value, no_field(input, &key.value.value()));
    }
}

fn no_field(input: &DeriveInput, key: &str) -> String {
    let ident = &input.ident;
    if matches!(input.data, Data::Enum(_)) {
        return format!(
            "`key` names a field that every `{ident}` has, and an enum has none\n\n\
             help: put the key and the enum into a struct"
        );
    }
    let fields: Vec<String> = fields(input).map(|(field, _)| name_of(&field)).collect();
    let mistake = format!("`{ident}` has no field `{key}`");
    match (nearest(key, fields.iter().map(String::as_str)), &*fields) {
        (Some(meant), _) => format!("{mistake}: did you mean `{meant}`?"),
        (None, []) => format!(
            "{mistake}: it has none at all\n\n\
             help: `ordered` is one lane for all events of the type"
        ),
        (None, fields) => {
            format!("{mistake}\n\nhelp: `key` is one of its fields: `{}`", fields.join("`, `"))
        }
    }
}

/// The fields of a struct.
fn fields(input: &DeriveInput) -> impl Iterator<Item = (Member, &Type)> {
    let fields = match &input.data {
        Data::Struct(data) => Some(&data.fields),
        _ => None,
    };
    fields.into_iter().flat_map(|fields| fields.members().zip(fields.iter().map(|f| &f.ty)))
}

fn name_of(field: &Member) -> String {
    match field {
        Member::Named(name) => name.unraw().to_string(),
        Member::Unnamed(index) => index.index.to_string(),
    }
}
