//! "Does this concrete type implement that trait?", answered in a `const` without specialization.
//!
//! An inherent constant is preferred to one of a trait, but only where its bounds hold: so
//! `Probe::<T>::CLONE` is the inherent `true` when `T: Clone`, and the trait's `false` otherwise.
//! This works where the type is written out, which is why the attribute emits the question. In a
//! generic type the bounds that are written decide.

use std::any::Any;
use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use super::validate::{Invalid, Validate};
use crate::resilience::{Classify, ErrorClass};

/// Asks about `T`.
#[derive(Debug)]
pub struct Probe<T: ?Sized>(PhantomData<T>);

impl<T: Clone> Probe<T> {
    /// Yes.
    pub const CLONE: bool = true;
}
impl<T: Clone + 'static> Probe<T> {
    /// How to clone a value of `T` into an `Option` of one.
    pub const CLONE_INTO: Option<fn(&dyn Any, &mut dyn Any)> = Some(|value, clone| {
        if let (Some(value), Some(clone)) = (value.downcast_ref::<T>(), clone.downcast_mut()) {
            *clone = Some(value.clone());
        }
    });
}
impl<T: Debug> Probe<T> {
    /// Yes.
    pub const DEBUG: bool = true;
}
#[cfg(feature = "testing")]
impl<T: Debug + 'static> Probe<T> {
    /// How to write a value of `T` for who debugs.
    pub const DEBUG_WITH: Option<ToDebug> = Some(|value, f| match value.downcast_ref::<T>() {
        Some(value) => Debug::fmt(value, f),
        None => Ok(()),
    });
}
impl<T: Validate + 'static> Probe<T> {
    /// How to ask a value of `T` what is wrong with it.
    pub const VALIDATE: Option<fn(&dyn Any, &mut Invalid)> = Some(|value, invalid| {
        if let Some(value) = value.downcast_ref::<T>() {
            value.validate(invalid);
        }
    });
}
#[cfg(feature = "json")]
impl<T: serde::Serialize + 'static> Probe<T> {
    /// How to write a value of `T` as JSON.
    pub const JSON: Option<ToJson> = Some(|value| match value.downcast_ref::<T>() {
        Some(value) => serde_json::to_value(value),
        None => Ok(serde_json::Value::Null),
    });
}
impl<T: Display + 'static> Probe<T> {
    /// How to write a value of `T` for people.
    pub const TEXT: Option<fn(&dyn Any) -> Option<String>> =
        Some(|value| value.downcast_ref::<T>().map(|value| format!("{value}")));
}
impl<T: Classify + 'static> Probe<T> {
    /// How to ask a value of `T` for its class. Only a `T` is ever asked.
    pub const CLASS: Option<fn(&dyn Any) -> ErrorClass> =
        Some(|error| error.downcast_ref::<T>().map_or(ErrorClass::Transient, Classify::class));
}

/// The answer where `T: Clone` does not hold.
pub trait NotClone {
    /// No.
    const CLONE: bool = false;
    /// It cannot be cloned.
    const CLONE_INTO: Option<fn(&dyn Any, &mut dyn Any)> = None;
}
impl<T> NotClone for Probe<T> {}

/// The answer where `T: Debug` does not hold.
pub trait NotDebug {
    /// No.
    const DEBUG: bool = false;
    /// It cannot be written.
    const DEBUG_WITH: Option<ToDebug> = None;
}
impl<T> NotDebug for Probe<T> {}

/// The answer where `T: Validate` does not hold.
pub trait NotValidate {
    /// It cannot be asked.
    const VALIDATE: Option<fn(&dyn Any, &mut Invalid)> = None;
}
impl<T> NotValidate for Probe<T> {}

/// Writes a value for who debugs.
#[cfg(feature = "testing")]
pub type ToDebug = fn(&dyn Any, &mut std::fmt::Formatter<'_>) -> std::fmt::Result;
/// Only a test bus shows messages: without the feature a program has no code for it.
#[cfg(not(feature = "testing"))]
pub type ToDebug = std::convert::Infallible;

/// Writes a value as JSON.
#[cfg(feature = "json")]
pub type ToJson = fn(&dyn Any) -> Result<serde_json::Value, serde_json::Error>;
/// Nothing is written as JSON without the feature.
#[cfg(not(feature = "json"))]
pub type ToJson = std::convert::Infallible;

/// The answer where `T: Serialize` does not hold.
pub trait NotJson {
    /// It cannot be written.
    const JSON: Option<ToJson> = None;
}
impl<T> NotJson for Probe<T> {}

/// The answer where `T: Display` does not hold.
pub trait NotText {
    /// It cannot be written.
    const TEXT: Option<fn(&dyn Any) -> Option<String>> = None;
}
impl<T> NotText for Probe<T> {}

/// The answer where `T: Classify` does not hold.
pub trait NotClassify {
    /// It has no class.
    const CLASS: Option<fn(&dyn Any) -> ErrorClass> = None;
}
impl<T> NotClassify for Probe<T> {}
