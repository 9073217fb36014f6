#!/usr/bin/env bash
# What a command with its handler costs the compiler, and the binary: a program of 20 of them beside one of 220.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
at="$root/target/pairs"
few=20
many=220

# A program that executes each of so many commands. Half of the handlers are `async`.
program() {
    local n=$1
    rm -rf "$at/src"
    mkdir -p "$at/src"
    cat > "$at/Cargo.toml" << END
[package]
name = "pairs"
version = "0.0.0"
edition = "2024"
publish = false

[workspace]

[dependencies]
bus = { path = "$root/bus" }
tokio = { version = "1", features = ["rt", "macros"] }
END
    cp "$root/Cargo.lock" "$at/Cargo.lock"
    {
        echo 'use bus::{Bus, command, handler};'
        for i in $(seq "$n"); do
            local keyword=''
            if (( i % 2 )); then keyword='async '; fi
            echo "#[command(output = u64)] struct C$i(u64, [u8; $i]);"
            echo "#[handler] ${keyword}fn h$i(c: C$i) -> bus::Result<u64> { Ok(c.0 + c.1.len() as u64) }"
            echo "async fn f$i(bus: &Bus) -> bus::Result<u64> { Ok(bus.execute(C$i(1, [0; $i])).await?) }"
        done
        echo '#[tokio::main(flavor = "current_thread")]'
        echo 'async fn main() -> bus::Result<()> {'
        echo '    let bus = Bus::from_registered()?;'
        for i in $(seq "$n"); do echo "    f$i(&bus).await?;"; done
        echo '    Ok(())'
        echo '}'
    } > "$at/src/main.rs"
}

# Milliseconds of what follows.
time_of() {
    local start
    start=$(date +%s%N)
    "$@" > /dev/null
    echo $(( ($(date +%s%N) - start) / 1000000 ))
}

export CARGO_INCREMENTAL=0
declare -A took size
for n in $few $many; do
    program "$n"
    cd "$at"
    for way in check build 'build --release'; do
        # The dependencies first.
        cargo $way -q
        touch src/main.rs
        took["$way $n"]=$(time_of cargo $way -q)
    done
    size[$n]=$(size -A target/release/pairs | awk '$1 ~ /^\.(text|rodata|eh_frame|eh_frame_hdr|gcc_except_table|data\.rel\.ro|rela\.dyn)$/ { sum += $2 } END { print sum }')
done
pairs=$(( many - few ))
echo "| a command and its handler | of $pairs |"
echo "| --- | --: |"
for way in check build 'build --release'; do
    echo "| \`cargo $way\` | $(( took["$way $many"] - took["$way $few"] )) ms |"
done
echo "| in the binary, released | $(( (size[$many] - size[$few]) / pairs )) bytes each |"
