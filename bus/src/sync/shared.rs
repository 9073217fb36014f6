//! Types that everything hangs on are said to be `Send` and `Sync` once, where they are defined.
//!
//! The compiler looks into all fields of a type, and of their types, to see whether a future may be
//! sent. It remembers that it did, but not where a function has lifetimes in its bounds, which is
//! what `#[async_trait]` writes. So each middleware and each such method of a user that executes a
//! command made it read the whole bus again, for two to three seconds. It does not look into a type
//! that says itself what it is.
//!
//! The feature `no-unsafe` leaves it to the compiler.

/// Defines a type of which all fields are `Send` and `Sync`, and says so.
///
/// What it says is what the compiler would find: a field that is not so is a compile error, in
/// either feature set.
macro_rules! shared {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type),*
        }

        const _: () = {
            const fn shared<T: Send + Sync>() {}
            $(shared::<$type>();)*
        };

        // SAFETY: these are all its fields, and each of them is `Send`, which is checked above. A
        // field that leads back to this type is so if this type is: that is how the compiler, too,
        // concludes for a type that contains itself.
        #[cfg(not(feature = "no-unsafe"))]
        #[allow(unsafe_code)]
        unsafe impl Send for $name {}

        // SAFETY: as above, for `Sync`.
        #[cfg(not(feature = "no-unsafe"))]
        #[allow(unsafe_code)]
        unsafe impl Sync for $name {}
    };
}
pub(crate) use shared;
