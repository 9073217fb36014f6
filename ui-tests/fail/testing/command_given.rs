#[bus::command]
struct Sell;

async fn test(bus: bus::testing::TestBus) {
    bus.given(Sell).when(Sell).then().succeeds().await;
}

fn main() {}
