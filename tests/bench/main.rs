//! `branchline-bench`: what Branchline adds to a request, against the bars of docs/benchmarks.md.
//!
//! The real `branchline serve` runs beside two pipes, each a process of its own, between the same client and the
//! same fast upstream. All are asked in turn in one run, and every answer is checked.

mod answers;
mod backends;
mod bodies;
mod error;
mod lane;
mod measure;
mod pipe;
mod program;
mod report;
mod upstream;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bodies::{MODEL, SHAPES};
use error::{BenchError, Result};
use lane::{Lane, Way};
use measure::{cpu, latency, memory, prefix, scorer, start};
use program::{Home, Program};
use report::Report;
use upstream::{Manner, Upstream};

const HELP: &str = "branchline-bench [--quick] [--json] [--branchline FILE]
branchline-bench prefix [--json] [TURNS]

  prefix             how much of the prompts of a long session stays unchanged, per local server and transform; fails
                     where a byte was lost that the client had not changed itself

  --quick            a few requests of each kind, no judgement: shows that everything works
  --json             all figures as JSON
  --branchline FILE  the program to measure; else the one beside this one

Answers 0, also where a bar is not met; 1 where an answer was wrong or nothing could be measured.
";

struct Options {
    quick: bool,
    json: bool,
    branchline: PathBuf,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let done = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pipe", kind, upstream] => pipe::run(kind, upstream),
        ["prefix", rest @ ..] => prefixes(rest),
        ["-h" | "--help"] => say(HELP),
        _ => options(&args).and_then(|options| measure_all(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody reads what is said here any more if this fails.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Per server, without any other figure.
fn prefixes(args: &[&str]) -> Result<()> {
    let turns = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(24);
    let rows = backends::measure(turns)?;
    say(&if args.contains(&"--json") { serde_json::to_string_pretty(&rows)? } else { backends::table(&rows) })?;
    match rows.iter().find(|row| row.share.kept < row.share.possible) {
        Some(row) => Err(BenchError::Program(format!("{} with {}: a prefix was broken", row.backend, row.transform))),
        None => Ok(()),
    }
}

fn options(args: &[String]) -> Result<Options> {
    let beside = std::env::current_exe()?.with_file_name(format!("branchline{}", std::env::consts::EXE_SUFFIX));
    let mut options = Options { quick: false, json: false, branchline: beside };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--quick" => options.quick = true,
            "--json" => options.json = true,
            "--branchline" => options.branchline = args.next().map(PathBuf::from).unwrap_or_default(),
            other => return Err(BenchError::Usage(format!("no such option: {other}\n\n{HELP}"))),
        }
    }
    if options.branchline.is_file() {
        return Ok(options);
    }
    let missing = options.branchline.display();
    Err(BenchError::Usage(format!(
        "{missing} is not there: cargo build --release -p branchline-cli -p branchline-tests"
    )))
}

fn say(text: &str) -> Result<()> {
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// `reqwest` wants a TLS provider here even for plain HTTP.
fn install_crypto() {
    // An error only says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn measure_all(options: &Options) -> Result<()> {
    install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(run(options))?;
    let judged = !options.quick;
    match options.json {
        true => say(&format!("{:#}\n", report.json(judged))),
        false => say(&report.text(judged)),
    }
}

async fn run(options: &Options) -> Result<Report> {
    let quick = options.quick;
    let few = |count: usize| if quick { 2 } else { count };
    let upstream = Upstream::start()?;
    step("cold start");
    let start = start::measure(&Home::new(&options.branchline, &settings(Way::Translated, &upstream))?, few(20))?;
    step("memory");
    let mut memory = Vec::new();
    for way in [Way::Passed, Way::Translated] {
        let lane = branchline(way, options, &upstream).await?;
        memory.push(memory::measure(&lane, &upstream, if quick { 1 } else { 60 }).await?);
    }
    let lanes = lanes(options, &upstream).await?;
    let mut figures = Vec::new();
    for (shape, rounds) in SHAPES.into_iter().zip([500, 200, 60]) {
        for streamed in [false, true] {
            step(&format!("{}, {}", shape.name, if streamed { "streamed" } else { "whole" }));
            let manner = Manner::at_once(streamed);
            figures.extend(latency::measure(&lanes, &upstream, shape, manner, few(rounds)).await?);
        }
    }
    step("chunk delivery");
    let paced = Manner { streamed: true, pieces: 64, every: Duration::from_millis(2) };
    let delivery = latency::measure(&lanes, &upstream, SHAPES[0], paced, few(40)).await?;
    step("processor time, prefix, scorer");
    let cpu = cpu::measure(&lanes, &upstream, few(1_000)).await?;
    let translated = lanes.iter().find(|lane| lane.way == Way::Translated);
    let translated = translated.ok_or_else(|| BenchError::Program("no translating lane".into()))?;
    let prefix = prefix::measure(translated, &upstream, if quick { 3 } else { 20 }).await?;
    Ok(Report { latency: figures, delivery, cpu, scorer_us: scorer::measure(few(200)), memory, start, prefix })
}

fn step(what: &str) {
    // Progress only; the figures go to standard output.
    let _ = writeln!(std::io::stderr(), "measuring {what} …");
}

async fn lanes(options: &Options, upstream: &Upstream) -> Result<Vec<Lane>> {
    let mut lanes = vec![Lane::new(Way::Direct, &upstream.url(), None, "none".into())?];
    for (way, kind) in [(Way::BytesPipe, "bytes"), (Way::ValuePipe, "value")] {
        let program = Program::pipe(kind, &upstream.url())?;
        lanes.push(Lane::new(way, &program.url(), Some(program), "none".into())?);
    }
    for way in [Way::Passed, Way::Translated] {
        lanes.push(branchline(way, options, upstream).await?);
    }
    Ok(lanes)
}

/// A Branchline of its own for this lane, ready to work.
async fn branchline(way: Way, options: &Options, upstream: &Upstream) -> Result<Lane> {
    let home = Home::new(&options.branchline, &settings(way, upstream))?;
    let (program, _) = home.serve()?;
    let token = home.token()?;
    let name = if way == Way::Passed { "anthropic" } else { "bench" };
    wait_for_backend(&program, name).await?;
    Lane::new(way, &program.url(), Some(program.in_home(home)), token)
}

/// The backend was asked what it has: nothing is looked up any more while requests are measured.
async fn wait_for_backend(program: &Program, name: &str) -> Result<()> {
    let started = Instant::now();
    loop {
        let port = program.port();
        // The upstream's answers must go on meanwhile: it has a thread of its own.
        let answer = program::health(port)?;
        let body: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default())?;
        let mut backends = body["backends"].as_array().into_iter().flatten();
        if backends.any(|backend| backend["name"] == name && backend["up"] == true) {
            return Ok(());
        }
        if started.elapsed() > Duration::from_secs(10) {
            return Err(BenchError::Program(format!("the backend {name} was not found: {body}")));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Settings under which `auto` decides, both ways, for the one backend there is. The model can see, so that no
/// picture is described, and its window holds everything.
fn settings(way: Way, upstream: &Upstream) -> String {
    let (model, backend) = match way {
        Way::Passed => (
            format!("anthropic:{MODEL}"),
            format!("[backends.anthropic]\nconcurrency = 64\nbase_url = \"{}\"\n", upstream.url()),
        ),
        _ => (
            "bench:bench/coder".to_owned(),
            format!(
                "[backends.bench]\npreset = \"openai_compatible\"\nprotocol = \"openai_chat\"\nauth = \"none\"\nconcurrency = 64\nbase_url = \"{}\"\n",
                upstream.url()
            ),
        ),
    };
    let off: String = ["lmstudio", "llamacpp", "ollama", "vllm", "anthropic"]
        .iter()
        .filter(|name| way != Way::Passed || **name != "anthropic")
        .map(|name| format!("[backends.{name}]\nenabled = false\n"))
        .collect();
    format!(
        "[roles]\ncoder = \"{model}\"\ncloud = \"{model}\"\n\
         [aliases.bench-sees]\nmodel = \"{model}\"\n\
         [aliases.bench-sees.capabilities]\nvision = true\ntools = true\ncontext_tokens = 4000000\n{backend}{off}"
    )
}
