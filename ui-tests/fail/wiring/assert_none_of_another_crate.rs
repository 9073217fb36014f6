bus::link!(crates_answers);
bus::assert_one_handler!(crates_messages::Double, crates_messages::Unanswered);

fn main() {}
