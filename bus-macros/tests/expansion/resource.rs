fn users(db: &Res<Database>) -> Result<Users, DatabaseError> {
    Users::open(db)
}
const _: () = {
    use ::bus::__private as __bus;
    fn __require(requirements: &mut __bus::Requirements) {
        <&Res<Database> as __bus::ResourceParam<'_>>::require(requirements);
    }
    static __ENTRY: __bus::ResourceEntry = __bus::ResourceEntry::new::<
        Users,
    >(
        __bus::ResourceMeta {
            name: "users",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
        },
        __require,
        |resources| {
            let p0 = <&Res<Database> as __bus::ResourceParam<'_>>::extract(resources)?;
            let value = users(p0);
            let value = match value {
                __bus::Result::Ok(value) => value,
                __bus::Result::Err(error) => {
                    return __bus::Result::Err(
                        <DatabaseError as __bus::IntoError<
                            __bus::Error,
                        >>::into_error(error),
                    );
                }
            };
            __bus::Result::Ok(__bus::Provided::new::<Users>(value))
        },
    );
    __bus::inventory::submit! {
        __bus::RegisteredResource(& __ENTRY)
    }
};
