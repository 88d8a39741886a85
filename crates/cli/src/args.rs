//! What can be typed.

use std::path::PathBuf;

use branchline_control::Shell;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  failed
  2  wrong usage, or the settings do not check
  3  no engine is running
  4  a backend cannot be reached
  otherwise that of the program started (`branchline claude`)";

/// Sends easy work to models on your own machine and hard work to the cloud.
#[derive(Debug, Parser)]
#[command(name = "branchline", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand takes.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// Settings file [env: BRANCHLINE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the database, the tokens and the log [env: BRANCHLINE_DATA]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Print JSON, for scripts
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the engine
    Serve(ServeArgs),
    /// Run Claude Code on it; starts an engine for as long if none runs
    Claude(ClaudeArgs),
    /// Print the variables that point a client here
    Env(EnvArgs),
    /// Put the variables into a client's own settings file
    #[command(subcommand)]
    Connect(ConnectCommand),
    /// Take them out again
    #[command(subcommand)]
    Disconnect(DisconnectCommand),
    /// Print a line about a Claude Code session, for its status line
    Statusline,
    /// Write commands that start Claude Code here: claude-local, claude-cloud
    InstallLauncher(LauncherArgs),
    /// Run the engine from login on, without a window
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Say where a text would go, and why
    Classify(ClassifyArgs),
    /// Say where a request would go, with your models and rules
    Route(RouteArgs),
    /// Honour the .branchline.toml of a folder
    Trust(TrustArgs),
    /// What a demonstration (`serve --demo`) can show
    #[command(subcommand)]
    Demo(DemoCommand),
    /// Talk to the models in this terminal
    Chat(ChatArgs),
    /// Show how the engine is
    Status,
    /// Print a link that opens the window in a browser
    Ui,
    /// Show past requests
    Log(LogArgs),
    /// Try changed settings on past requests: `whatif routing.threshold=40`
    #[command(name = "whatif")]
    WhatIf(WhatIfArgs),
    /// Send a past request to another model and compare the answers
    Replay(ReplayArgs),
    /// Show which threshold sends how many of your turns to the cloud
    Calibrate(CalibrateArgs),
    /// Measure Branchline itself
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Show how the outcomes of turns shift the score
    Learned(LearnedArgs),
    /// List the models of all backends, load and unload them
    Models(ModelsArgs),
    /// Check settings, keyring and backends, and whether the models can do an agent's work
    Doctor(DoctorArgs),
    /// Keys of backends, in the system's keyring
    #[command(subcommand)]
    Key(KeyCommand),
    /// The settings file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Descriptions of images
    #[command(subcommand)]
    Images(ImagesCommand),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ServeArgs {
    /// Simulated models, keys and data of its own: to look around with no model and no key
    #[arg(long)]
    pub(crate) demo: bool,
    /// Port to listen on instead of that of the settings; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ClaudeArgs {
    /// Where its requests go: auto, local, cloud, or a model ref
    #[arg(long, default_value = "auto", value_name = "ROUTE")]
    pub(crate) route: String,
    /// Arguments for `claude`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    pub(crate) args: Vec<std::ffi::OsString>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct EnvArgs {
    /// How to write them; without it as the shell in $SHELL wants them
    #[arg(long, value_enum)]
    pub(crate) shell: Option<ShellName>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectCommand {
    /// Claude Code's settings.json: shows what would be merged, and merges it with --write
    Claude(ConnectArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ConnectArgs {
    /// Write it; the file is kept as it was until `disconnect`
    #[arg(long)]
    pub(crate) write: bool,
    /// Also set the status line, where none is set
    #[arg(long)]
    pub(crate) statusline: bool,
    /// Overwrite values that are not Branchline's; `disconnect` brings them back
    #[arg(long, requires = "write")]
    pub(crate) replace: bool,
    /// Another file than the user's own
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DisconnectCommand {
    /// Claude Code's settings.json goes back to what it was
    Claude {
        /// Another file than the user's own
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DemoCommand {
    /// Play a session of a coding agent, and show what becomes of its requests
    Play {
        /// At once, not at a pace that one can watch
        #[arg(long)]
        quick: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write the service of this user (systemd, launchd), and start it where that runs
    Install,
    /// Stop it and remove what was written
    Uninstall,
    /// Say what is written, whether it is started, and whether the engine answers
    Status,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LauncherArgs {
    /// The folder; without it one of your own that is on PATH
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Its name; the one for the cloud is named after it
    #[arg(long, default_value = "claude-local", value_name = "NAME")]
    pub(crate) name: String,
    /// Remove them
    #[arg(long)]
    pub(crate) remove: bool,
}

/// A way to write variables down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShellName {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Cmd,
    /// The `env` block of Claude Code's settings.json
    Settings,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Self::Bash,
            ShellName::Zsh => Self::Zsh,
            ShellName::Fish => Self::Fish,
            ShellName::Powershell => Self::Powershell,
            ShellName::Cmd => Self::Cmd,
            ShellName::Settings => Self::Settings,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ClassifyArgs {
    /// The text; `-` reads it from standard input
    #[arg(required_unless_present = "jsonl")]
    pub(crate) text: Option<String>,
    /// Read lines {id, prompt} or {id, messages} from standard input, print `id<TAB>score`
    #[arg(long, conflicts_with = "text")]
    pub(crate) jsonl: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RouteArgs {
    /// The text; `-` reads it from standard input
    #[arg(required_unless_present = "request", conflicts_with = "request")]
    pub(crate) text: Option<String>,
    /// Every step of the decision, also those that chose nothing
    #[arg(long)]
    pub(crate) explain: bool,
    /// A whole request as JSON instead of a text; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
    /// The model the client asks for
    #[arg(long, value_name = "ID", conflicts_with = "request")]
    pub(crate) model: Option<String>,
    /// A header that comes with it, such as "x-team: infra"; may be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// The client's working folder; without it the one this runs in
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// The route it comes in by
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TrustArgs {
    /// The folder; without it the one this runs in
    pub(crate) dir: Option<PathBuf>,
    /// Trust it no longer
    #[arg(long)]
    pub(crate) remove: bool,
    /// List the trusted folders
    #[arg(long, conflicts_with_all = ["dir", "remove"])]
    pub(crate) list: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ChatArgs {
    /// Stay on this machine
    #[arg(long, conflicts_with_all = ["cloud", "model"])]
    pub(crate) local: bool,
    /// Go to the cloud
    #[arg(long, conflicts_with = "model")]
    pub(crate) cloud: bool,
    /// A model ref, such as lmstudio:qwen/qwen3-coder-next
    #[arg(long, value_name = "REF")]
    pub(crate) model: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// Go on with what happens from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many past requests
    #[arg(short = 'n', long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) lines: usize,
    /// Only requests in which these words occur
    #[arg(long, value_name = "WORDS")]
    pub(crate) grep: Option<String>,
    /// One request in full, by its id
    #[arg(value_name = "ID", conflicts_with_all = ["follow", "grep"])]
    pub(crate) id: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WhatIfArgs {
    /// Changes as PATH=VALUE; `null` goes back to the default
    #[arg(required = true, value_name = "PATH=VALUE")]
    pub(crate) changes: Vec<String>,
    /// On so many of the last requests
    #[arg(long, default_value_t = 500, value_name = "COUNT")]
    pub(crate) last: usize,
    /// How many of the changed turns to list
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) list: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// Its id: `branchline log` shows it with --json
    pub(crate) id: String,
    /// Who is asked: a model ref, `local` or `cloud`
    #[arg(long, value_name = "REF")]
    pub(crate) model: String,
    /// Send it to the cloud without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CalibrateArgs {
    /// The share of your turns that shall go to the cloud, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) share: Option<u8>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// How well the score tells hard turns from easy ones, on labelled data
    Routing(BenchRoutingArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchRoutingArgs {
    /// JSONL files of {id, prompt | messages, strong_score, weak_score}; `*` in a file name stands for anything
    #[arg(long, required = true, num_args = 1.., value_name = "FILES")]
    pub(crate) data: Vec<PathBuf>,
    /// Samples drawn for the comparison with the five signals
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    pub(crate) boot: usize,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LearnedArgs {
    /// Forget it
    #[arg(long)]
    pub(crate) reset: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List them
    List,
    /// Load a model
    Load {
        /// Its model ref, such as lmstudio:qwen/qwen3-coder-next
        model: String,
        /// Tokens of the window; without it what the settings say, else the server's own
        #[arg(long, value_name = "TOKENS")]
        context: Option<u64>,
    },
    /// Take a model out of its server's memory
    Unload {
        /// Its model ref
        model: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DoctorArgs {
    /// Models to test, as model refs; without any those that have a role
    #[arg(value_name = "REF")]
    pub(crate) models: Vec<String>,
    /// Test every model: each is loaded for it
    #[arg(long, conflicts_with = "models")]
    pub(crate) all: bool,
    /// Test no model
    #[arg(long, conflicts_with_all = ["models", "all"])]
    pub(crate) no_models: bool,
    /// Longest prompt that is tried, in tokens; 0 tries none. Without it 32768 on your own machines, none in the cloud
    #[arg(long, value_name = "TOKENS")]
    pub(crate) context: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Store a key: asks for it, or reads it from a pipe
    Set {
        /// Name of the backend in the settings
        name: String,
        /// Take the key from this variable
        #[arg(long, value_name = "VAR")]
        from_env: Option<String>,
    },
    /// List which backends have a key
    List,
    /// Remove a key
    Rm {
        /// Name of the backend in the settings
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print where the settings file is
    Path,
    /// Check the settings file
    Check,
    /// Print what is set otherwise than by default
    Show {
        /// Every setting with its value
        #[arg(long, conflicts_with = "defaults")]
        all: bool,
        /// The commented defaults
        #[arg(long)]
        defaults: bool,
    },
    /// Change one setting, such as `routing.threshold 60`; `null` goes back to the default, and takes out what is no setting
    Set {
        /// Path of the setting
        path: String,
        /// Its value as JSON; what is no JSON is taken as a text
        value: String,
    },
    /// Print the settings as a file for another machine
    Export,
    /// Put a whole file in the place of the settings file, or take over a Claudia Router or claude-code-router config.json
    Import {
        /// The file; `-` reads standard input
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImagesCommand {
    /// List described images
    List {
        /// How many
        #[arg(short = 'n', long, default_value_t = 50, value_name = "COUNT")]
        lines: usize,
        /// Only those in whose description these words occur
        #[arg(long, value_name = "WORDS")]
        grep: Option<String>,
    },
    /// Show one description
    Show {
        /// The hash or the start of it
        hash: String,
    },
    /// Forget descriptions; the images are described anew when they come again
    Rm {
        /// Hashes or starts of them
        #[arg(required_unless_present = "all")]
        hashes: Vec<String>,
        /// All of them
        #[arg(long, conflicts_with = "hashes")]
        all: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ManArgs {
    /// Folder to write them to, one for each command; it is made where it is missing
    pub(crate) dir: PathBuf,
}
