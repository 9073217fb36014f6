fn counter() -> Counter {
    Counter::new()
}
const _: () = {
    use ::bus::__private as __bus;
    fn __require(requirements: &mut __bus::Requirements) {}
    static __ENTRY: __bus::ResourceEntry = __bus::ResourceEntry::new::<
        Counter,
    >(
        __bus::ResourceMeta {
            name: "counter",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
        },
        __require,
        |resources| {
            let value = counter();
            __bus::Result::Ok(__bus::Provided::new::<Counter>(value))
        },
    );
    __bus::inventory::submit! {
        __bus::RegisteredResource(& __ENTRY)
    }
};
