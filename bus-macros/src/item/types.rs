//! Questions about types as they are written, and how they are rewritten for use outside of the
//! signature that they come from.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    GenericParam, Lifetime, ParenthesizedGenericArguments, PathSegment, Signature, Type, TypeFnPtr,
    TypeImplTrait, TypeReference,
};

/// The type inside of parentheses, visible (`(T)`) or not (from a `macro_rules!`).
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        _ => ty,
    }
}

/// The lifetimes that the signature declares.
pub(crate) fn lifetimes_of(sig: &Signature) -> Vec<Ident> {
    let lifetime = |param: &GenericParam| match param {
        GenericParam::Lifetime(param) => Some(param.lifetime.ident.clone()),
        _ => None,
    };
    sig.generics.params.iter().filter_map(lifetime).collect()
}

/// `&'a Context` as `&'_ Context`: the expansion has no `'a`. A `for<'a>` inside of the type stays.
pub(crate) fn elide(ty: &mut Type, lifetimes: &[Ident]) {
    struct Elide<'a>(&'a [Ident]);
    impl VisitMut for Elide<'_> {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if self.0.contains(&lifetime.ident) {
                lifetime.ident = Ident::new("_", lifetime.ident.span());
            }
        }
    }
    Elide(lifetimes).visit_type_mut(ty);
}

/// `Self` as the type of the `impl` block: the expansion is outside of it.
pub(crate) fn name_self(ty: &mut Type, self_ty: &Type) {
    struct NameSelf<'a>(&'a Type);
    impl VisitMut for NameSelf<'_> {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::Path(path) if path.path.is_ident("Self")) {
                *ty = self.0.clone();
            } else {
                visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    NameSelf(self_ty).visit_type_mut(ty);
}

/// The first place where the type borrows from the call: a reference without a lifetime, or one of
/// the signature's lifetimes. `&'static T` does not, nor do the parameters of `fn(&T)` and `Fn(&T)`.
pub(crate) fn borrow_in(ty: &Type, lifetimes: &[Ident]) -> Option<TokenStream> {
    struct Borrow<'a> {
        lifetimes: &'a [Ident],
        found: Option<TokenStream>,
    }
    impl VisitMut for Borrow<'_> {
        fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
            if reference.lifetime.is_none() {
                let and = &reference.and_token;
                self.found.get_or_insert_with(|| quote!(#and));
            }
            visit_mut::visit_type_reference_mut(self, reference);
        }
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident == "_" || self.lifetimes.contains(&lifetime.ident) {
                self.found.get_or_insert_with(|| lifetime.to_token_stream());
            }
        }
        fn visit_type_fn_ptr_mut(&mut self, _: &mut TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments_mut(
            &mut self,
            _: &mut ParenthesizedGenericArguments,
        ) {
        }
    }
    let mut borrow = Borrow { lifetimes, found: None };
    borrow.visit_type_mut(&mut ty.clone());
    borrow.found
}

/// The first `impl Trait` in the type.
pub(crate) fn impl_trait_in(ty: &Type) -> Option<TypeImplTrait> {
    struct Find(Option<TypeImplTrait>);
    impl VisitMut for Find {
        fn visit_type_impl_trait_mut(&mut self, impl_trait: &mut TypeImplTrait) {
            self.0.get_or_insert_with(|| impl_trait.clone());
        }
    }
    let mut find = Find(None);
    find.visit_type_mut(&mut ty.clone());
    find.0
}

/// The last segment of a type that is a path: its name and arguments.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}
