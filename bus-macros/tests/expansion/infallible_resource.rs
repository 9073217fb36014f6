fn counter() -> Counter {
    Counter::new()
}
const _: () = {
    use ::bus as __bus;
    fn __require(requirements: &mut __bus::Requirements) {}
    static __ENTRY: __bus::__private::ResourceEntry = __bus::__private::ResourceEntry::new::<
        Counter,
    >(
        __bus::__private::ResourceMeta {
            name: "counter",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
        },
        __require,
        |resources| {
            let value = counter();
            __bus::__private::Result::Ok(
                __bus::__private::Provided::new::<Counter>(value),
            )
        },
    );
    __bus::__private::inventory::submit! {
        __bus::__private::RegisteredResource(& __ENTRY)
    }
};
