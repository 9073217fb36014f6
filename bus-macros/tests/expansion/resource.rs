fn users(db: &Res<Database>) -> Result<Users, DatabaseError> {
    Users::open(db)
}
const _: () = {
    use ::bus as __bus;
    fn __require(requirements: &mut __bus::Requirements) {
        <&Res<Database> as __bus::__private::ResourceParam<'_>>::require(requirements);
    }
    static __ENTRY: __bus::__private::ResourceEntry = __bus::__private::ResourceEntry::new::<
        Users,
    >(
        __bus::__private::ResourceMeta {
            name: "users",
            module: ::core::module_path!(),
            file: ::core::file!(),
            line: ::core::line!(),
            column: ::core::column!(),
        },
        __require,
        |resources| {
            let p0 = <&Res<
                Database,
            > as __bus::__private::ResourceParam<'_>>::extract(resources)?;
            let value = users(p0);
            let value = match value {
                __bus::__private::Result::Ok(value) => value,
                __bus::__private::Result::Err(error) => {
                    return __bus::__private::Result::Err(
                        <DatabaseError as __bus::__private::IntoError<
                            __bus::Error,
                        >>::into_error(error),
                    );
                }
            };
            __bus::__private::Result::Ok(__bus::__private::Provided::new::<Users>(value))
        },
    );
    __bus::__private::inventory::submit! {
        __bus::__private::RegisteredResource(& __ENTRY)
    }
};
