bus::link!(crates_answers);

#[bus::handler]
fn again(_: crates_messages::Double) -> bus::Result<u32> {
    Ok(0)
}

fn main() {}
