//! scratch
use std::time::Instant;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let threads: u32 = a[2].parse().unwrap();
    let (pp, tg, r) = (
        a[3].parse().unwrap(),
        a[4].parse().unwrap(),
        a[5].parse().unwrap(),
    );
    let t = Instant::now();
    let x = llama::bench::bench(&llama::bench::BenchOptions {
        file: a[1].clone().into(),
        threads,
        prompt_tokens: pp,
        generated_tokens: tg,
        repetitions: r,
        backends_folder: None,
        gpu_layers: None,
    })
    .unwrap();
    println!(
        "{} {} t={threads} pp {:.1} ±{:.1} tg {:.1} ±{:.1}  ({:.1}s)",
        x.model,
        x.device,
        x.prompt.mean(),
        x.prompt.deviation(),
        x.generation.mean(),
        x.generation.deviation(),
        t.elapsed().as_secs_f32()
    );
}
