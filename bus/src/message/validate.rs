//! Messages that know what is wrong with them.

use std::borrow::Cow;
use std::fmt;

/// A message that can say what is wrong with it. Where
/// [`middleware::validation`](crate::middleware::validation) stands around its handlers, they are called
/// with valid ones alone.
///
/// ```
/// use bus::{Invalid, Validate, command};
///
/// #[command]
/// struct SignUp { email: String, friends: Vec<Friend> }
/// struct Friend { name: String }
///
/// impl Validate for SignUp {
///     fn validate(&self, invalid: &mut Invalid) {
///         invalid.unless(self.email.contains('@'), "email", "is no address");
///         for (i, friend) in self.friends.iter().enumerate() {
///             invalid.inside(format!("friends[{i}]"), friend);
///         }
///     }
/// }
/// impl Validate for Friend {
///     fn validate(&self, invalid: &mut Invalid) {
///         invalid.unless(!self.name.is_empty(), "name", "is empty");
///     }
/// }
///
/// let friends = vec![Friend { name: String::new() }];
/// let invalid = Invalid::of(&SignUp { email: "ada".into(), friends });
/// assert_eq!(invalid.to_string(), "email is no address; friends[0].name is empty");
/// ```
pub trait Validate {
    /// Says all that is wrong, each with the name of its field.
    fn validate(&self, invalid: &mut Invalid);
}

/// What is wrong with a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid {
    /// Where [`inside`](Self::inside) is at the moment.
    path: String,
    problems: Vec<Problem>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The field, from the message on: `items[3].price`.
    pub field: String,
    /// What is wrong with it, to come after its name.
    pub problem: Cow<'static, str>,
}

impl Invalid {
    /// What is wrong with this value.
    pub fn of(value: &impl Validate) -> Self {
        let mut invalid = Self::default();
        value.validate(&mut invalid);
        invalid
    }

    /// Says what is wrong with a field.
    pub fn field(&mut self, field: &str, problem: impl Into<Cow<'static, str>>) {
        let field = format!("{}{field}", self.path);
        self.problems.push(Problem { field, problem: problem.into() });
    }

    /// Says that a field is wrong if it is not `right`.
    pub fn unless(&mut self, right: bool, field: &str, problem: impl Into<Cow<'static, str>>) {
        if !right {
            self.field(field, problem);
        }
    }

    /// Looks at a part of the message: the names of its fields come after its own and a dot.
    pub fn inside(&mut self, field: impl fmt::Display, part: &impl Validate) {
        let outside = self.path.clone();
        self.path = format!("{outside}{field}.");
        part.validate(self);
        self.path = outside;
    }

    /// What is wrong, in the order in which it was said.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Is nothing wrong?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
