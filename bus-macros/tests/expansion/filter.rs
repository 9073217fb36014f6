fn not_too_large(event: &FilterView<'_>) -> bool {
    true
}
const _: () = {
    use ::bus::__private as __bus;
    __bus::inventory::submit! {
        __bus::FilterEntry { filter : __bus::FilterFn { name : "size", accepts :
        not_too_large }, module : ::core::module_path!(), file : ::core::file!(), line :
        ::core::line!(), column : ::core::column!(), priority : 10i32, }
    }
};
