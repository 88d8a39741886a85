// Generated from crates/control. Do not edit: BRANCHLINE_UPDATE_TYPES=1 cargo test -p branchline-control

/** From this window on Claude Code works with results of tools of any usual size. */
export const ROOMY_WINDOW = 49152;

/**
 * Nothing is asked for.
 */
export type AboutReq = Record<symbol, never>;

/**
 * This installation.
 */
export type AboutRes = { 
/**
 * Its version.
 */
version: string, 
/**
 * The system it was built for: `linux x86_64`.
 */
system: string, 
/**
 * The user's settings file; it need not be there.
 */
settings_file: string, 
/**
 * Folder of the database, the tokens and the log.
 */
data_dir: string, 
/**
 * Folder of the log files.
 */
log_dir: string, 
/**
 * Size of the database: records, descriptions, thumbnails.
 */
database_bytes: number, };

/**
 * One answer.
 */
export type Answered = { 
/**
 * Its request in the log.
 */
request: string, 
/**
 * Who answered, as a model ref.
 */
model: string | null, 
/**
 * The text; `null` when the answer's body was not kept.
 */
text: string | null, 
/**
 * The thoughts before it.
 */
thinking: string | null, 
/**
 * The calls it asks for. None of them was run by us.
 */
tools: Array<ToolCall>, 
/**
 * Why it stopped, in the words of Anthropic's protocol.
 */
stop_reason: string | null, 
/**
 * Tokens as reported.
 */
usage: UsageRecord, 
/**
 * US dollars, as far as that is known.
 */
usd: number | null, 
/**
 * Milliseconds to the first token.
 */
ttft_ms: number | null, 
/**
 * Milliseconds to the last byte.
 */
duration_ms: number, 
/**
 * What went wrong.
 */
error: string | null, };

/**
 * What a call of our own was for.
 */
export type AsidePurpose = "dispatcher" | "adviser" | "vision" | "unknown";

/**
 * One call of our own to a model.
 */
export type AsideRecord = { purpose: AsidePurpose, backend: string, 
/**
 * The model, without its backend.
 */
model: string, place: Place, 
/**
 * `cancelled` when nobody waited for the answer any more: the client left, or its time was up.
 */
outcome: Outcome, 
/**
 * Why there was no answer, in words.
 */
error: string | null, usage: UsageRecord, 
/**
 * US dollars; none when nobody knows the price.
 */
usd: number | null, source: CostSource, 
/**
 * Without the waiting before it.
 */
duration_ms: number, 
/**
 * Wait for a turn at this backend.
 */
queued_ms: number, };

/**
 * One try at one backend.
 */
export type AttemptRecord = { backend: string, model: string, 
/**
 * HTTP status of the backend; none when it gave none.
 */
status: number | null, error: string | null, 
/**
 * Without the waiting before it.
 */
duration_ms: number, 
/**
 * Wait for a turn at this backend before the try.
 */
queued_ms: number, 
/**
 * Requests that were before it in the queue.
 */
ahead: number, 
/**
 * Wait before the try because the one before had failed.
 */
backoff_ms: number, 
/**
 * The backend was not called: it is left alone for a while after failures, or the queue was too long.
 */
skipped: boolean, };

/**
 * Whether to start at login.
 */
export type AutostartReq = { 
/**
 * Start when the user logs in.
 */
enabled: boolean, };

/**
 * Whether the app starts at login.
 */
export type AutostartRes = { 
/**
 * It starts when the user logs in.
 */
enabled: boolean, };

/**
 * One backend: its settings over its preset, and what it said of itself.
 */
export type BackendInfo = { 
/**
 * Its name in the settings and in model refs.
 */
name: string, 
/**
 * The provider's name for people.
 */
display: string, 
/**
 * Id of the preset it is built on.
 */
preset: string, 
/**
 * Where it is.
 */
base_url: string, 
/**
 * What it is called with, as far as known.
 */
protocol: string | null, 
/**
 * The user's own hardware.
 */
local: boolean, 
/**
 * Whose credentials it gets: `none`, `key`, `optional_key` or `passthrough`.
 */
auth: string, 
/**
 * A key is needed and known to be missing, or out of reach.
 */
lacks_key: boolean, 
/**
 * Why the key that is needed cannot be read.
 */
key_error: string | null, 
/**
 * `None`: not asked yet.
 */
up: boolean | null, 
/**
 * Why it is down.
 */
reason: string | null, 
/**
 * What it turned out to be.
 */
flavour: Flavour | null, 
/**
 * Its version, where it tells.
 */
version: string | null, 
/**
 * Number of its models.
 */
models: number, 
/**
 * Time of its last answer to the question what it is.
 */
latency_ms: number | null, 
/**
 * Whether it is left alone after failures.
 */
circuit: CircuitView, 
/**
 * Who runs and who waits.
 */
queue: QueueView, 
/**
 * How to start it, or where its keys are made.
 */
docs_hint: string, };

/**
 * Which backend.
 */
export type BackendTestReq = { 
/**
 * Its name in the settings.
 */
name: string, };

/**
 * What a backend answered just now.
 */
export type BackendTestRes = { 
/**
 * It is there and lists its models.
 */
ok: boolean, 
/**
 * The backend as it is known after the test.
 */
backend: BackendInfo, 
/**
 * Why it is not there.
 */
error: ControlError | null, };

/**
 * One backend.
 */
export type BackendView = { 
/**
 * Its name in the settings.
 */
name: string, 
/**
 * What it is, for people: `LM Studio`.
 */
display: string, local: boolean, 
/**
 * `None`: not asked yet.
 */
up: boolean | null, latency_ms: number | null, 
/**
 * Models it has.
 */
models: number, 
/**
 * What is wrong with it and the next step.
 */
detail: string | null, 
/**
 * Whether it is left alone after failures.
 */
circuit: CircuitView, 
/**
 * Who runs and who waits.
 */
queue: QueueView, };

/**
 * Nothing is asked for.
 */
export type BackendsReq = Record<symbol, never>;

/**
 * All backends of the settings that are switched on.
 */
export type BackendsRes = { 
/**
 * In the order of their names.
 */
backends: Array<BackendInfo>, };

/**
 * Bodies of the request and its answer, already redacted where the settings say so.
 */
export type Bodies = { request: string | null, response: string | null, };

/**
 * How far the day's budget is used.
 */
export type BudgetState = "unlimited" | "ok" | "warning" | "spent";

/**
 * The day's budget for the cloud.
 */
export type BudgetView = { state: BudgetState, spent_usd: number, limit_usd: number | null, 
/**
 * Tokens the cloud read and wrote.
 */
spent_tokens: number, limit_tokens: number | null, 
/**
 * The part of the nearer limit that is used, in percent; none without a limit.
 */
percent: number | null, 
/**
 * Requests of the day whose price nobody knows: they are not in `spent_usd`.
 */
unpriced: number, 
/**
 * `local` or `refuse`: what happens to requests for the cloud once the limit is met.
 */
when_spent: string, 
/**
 * Next midnight, in milliseconds since 1970.
 */
resets_at: number, };

/**
 * Which share is wanted.
 */
export type CalibrateReq = { 
/**
 * Percent of the turns that shall go to the cloud, 0–100.
 */
share?: number, };

/**
 * What thresholds would do to the user's own turns.
 */
export type CalibrateRes = { 
/**
 * Turns of the log it is computed from.
 */
turns: number, 
/**
 * Turns a built-in sample stands in for; 0 once there are 50 of the user's own.
 */
assumed: number, 
/**
 * The threshold in force.
 */
threshold: number, 
/**
 * `routing.cloud_share`, where it is set: then the threshold in force was computed for it.
 */
cloud_share: number | null, 
/**
 * The part of the turns each threshold from 0 to 100 sends to the cloud, 0–1.
 */
curve: Array<number>, 
/**
 * The threshold for the share that was asked for.
 */
suggested: number | null, };

/**
 * What is to become of one value.
 */
export type ChangeKind = "add" | "update" | "same" | "foreign" | "kept" | "remove";

/**
 * All tests of one model.
 */
export type Checkup = { 
/**
 * The model, as a model ref.
 */
model: string, progress: Progress, 
/**
 * The test that runs.
 */
current: TestName | null, 
/**
 * When it began, in ms since 1970.
 */
at: number, 
/**
 * What is known so far, in order.
 */
results: Array<TestResult>, 
/**
 * The worst of it.
 */
verdict: Verdict, 
/**
 * Time to the first token of a short prompt, the model being loaded, in ms.
 */
ttft_ms: number | null, 
/**
 * Tokens it writes in a second.
 */
tokens_per_second: number | null, };

/**
 * Whether a backend is used.
 */
export type CircuitState = "closed" | "open" | "half_open";

/**
 * The circuit of a backend.
 */
export type CircuitView = { state: CircuitState, 
/**
 * When it is tried again, in milliseconds since 1970; only when open.
 */
until: number | null, 
/**
 * Failures since its last whole answer.
 */
failures: number, 
/**
 * Its last failure, in words.
 */
reason: string | null, };

/**
 * Where a request would go, and why.
 */
export type Classification = { 
/**
 * 0–100.
 */
score: number, 
/**
 * Scores at or above it go to the cloud.
 */
threshold: number, 
/**
 * `local` or `cloud`; `null` when no model would take it.
 */
target: string | null, 
/**
 * The role it is given to.
 */
role: string, 
/**
 * What sort of request it is.
 */
kind: string, 
/**
 * The first candidate.
 */
model: string | null, 
/**
 * What the score is made of.
 */
points: Array<PointRecord>, 
/**
 * In words, in the order the steps added them.
 */
reasons: Array<string>, 
/**
 * Why no model would take it.
 */
refusal: string | null, 
/**
 * Our estimate of the prompt, in tokens.
 */
estimated_tokens: number, 
/**
 * Images in the request.
 */
images: number, };

/**
 * What would be asked: exactly one of the two.
 */
export type ClassifyReq = { 
/**
 * A question as a human would type it.
 */
text?: string, 
/**
 * A whole request of either protocol.
 */
request?: unknown, };

/**
 * Nothing is asked for.
 */
export type ClaudeFileReq = Record<symbol, never>;

/**
 * Where to take it out.
 */
export type ClaudeUndoReq = { 
/**
 * The file as `connect.claude` named it.
 */
file: string, };

/**
 * What to put into Claude Code's settings file.
 */
export type ClaudeWriteReq = { 
/**
 * The file as `connect.claude` named it: whoever asks has seen which one is written to.
 */
file: string, 
/**
 * Overwrite values that are not ours; they come back when it is undone.
 */
replace?: boolean, };

/**
 * One value of the file.
 */
export type ClientFileChange = { 
/**
 * Such as `env.ANTHROPIC_BASE_URL`.
 */
path: string, 
/**
 * What is to become of it.
 */
kind: ChangeKind, 
/**
 * The value it shall have; tokens are `***`.
 */
value: string, 
/**
 * What it is for.
 */
why: string, };

/**
 * What taking back has done.
 */
export type ClientFileUndone = { 
/**
 * The file.
 */
file: string, 
/**
 * It is what it was before, byte for byte (or gone, when there was none).
 */
exact: boolean, 
/**
 * Values that others have changed since, and that stay.
 */
kept: Array<string>, 
/**
 * The file was deleted by others: this copy of what it was before is kept.
 */
copy: string | null, };

/**
 * How a settings file stands.
 */
export type ClientFileView = { 
/**
 * The file.
 */
file: string, 
/**
 * Whether there is one.
 */
exists: boolean, 
/**
 * Values of ours stand in it.
 */
connected: boolean, 
/**
 * The token is in it, and other users of this machine may read it.
 */
exposed: boolean, 
/**
 * The values, in the order they are written.
 */
changes: Array<ClientFileChange>, };

/**
 * Why a command did not do what was asked.
 */
export type ControlError = { 
/**
 * Stable, for programs: `unknown_command`, `invalid_settings`, `not_found`…
 */
code: string, 
/**
 * What failed, with the value.
 */
message: string, 
/**
 * The next step, where there is one.
 */
hint: string | null, };

/**
 * A text for the clipboard. It is the app that keeps it: what a window has copied would be gone with the window.
 */
export type CopyReq = { 
/**
 * The text.
 */
text: string, };

/**
 * It is in the clipboard.
 */
export type CopyRes = Record<symbol, never>;

/**
 * What the request cost.
 */
export type CostRecord = { 
/**
 * US dollars; none when nobody knows the price, which is not the same as nothing.
 */
usd: number | null, source: CostSource, 
/**
 * What the first model of the role `cloud` would have taken for the same tokens.
 */
all_cloud_usd: number | null, 
/**
 * That model, as a model ref.
 */
all_cloud_model: string | null, 
/**
 * `all_cloud_usd` less `usd`; below zero when a dearer model answered.
 */
saved_usd: number | null, };

/**
 * Who says what a request cost.
 */
export type CostSource = "local" | "nothing" | "reported" | "settings" | "table" | "subscription" | "unknown";

/**
 * Money since midnight, as far as prices are known.
 */
export type CostToday = { usd: number, 
/**
 * Requests whose price nobody knows; they are in none of the sums.
 */
unpriced: number, 
/**
 * What the cloud's first model would have taken for everything.
 */
all_cloud_usd: number, 
/**
 * That, less what was paid, over the requests where both are known.
 */
saved_usd: number, };

/**
 * Where a request goes and why.
 */
export type Course = { 
/**
 * The first candidate; `null` when nobody would take it.
 */
model: string | null, 
/**
 * It is on the user's own hardware.
 */
local: boolean, 
/**
 * The score.
 */
score: number, 
/**
 * Why, in words.
 */
reason: string, 
/**
 * What the request would cost there, in US dollars, as far as the price is known.
 */
usd: number | null, };

/**
 * A place in the list of records. Holds the id too: several records can share a millisecond.
 */
export type Cursor = { 
/**
 * Milliseconds since 1970.
 */
at: number, id: string, };

/**
 * Where the request went and why.
 */
export type DecisionRecord = { 
/**
 * What sort of request it was, in a word: a main turn, a title, a subagent's…
 */
kind: string, 
/**
 * The role it was given to: `coder`, `cloud`, `background`…
 */
role: string, 
/**
 * 0–100; none when nothing was scored, as for a request answered here.
 */
score: number | null, points: Array<PointRecord>, 
/**
 * In words, in the order the steps added them.
 */
reasons: Array<string>, 
/**
 * Model refs (`backend:model`), the first choice first.
 */
candidates: Array<string>, 
/**
 * The turn moved to a stronger model with this request: why, in words.
 */
escalated?: string, 
/**
 * It had to stay on the user's own machines: why, in words.
 */
private?: string, };

/**
 * How to play.
 */
export type DemoPlayReq = { 
/**
 * Answers come at once, not at a pace that one can watch.
 */
quick?: boolean, };

/**
 * Nothing is asked for.
 */
export type DemoReq = Record<symbol, never>;

/**
 * Whether this is a demonstration.
 */
export type DemoState = { 
/**
 * Simulated models stand behind it.
 */
on: boolean, 
/**
 * A session is being played.
 */
playing: boolean, };

/**
 * What a prompt diet did.
 */
export type DietRecord = { 
/**
 * Tools left out.
 */
tools: number, 
/**
 * Tokens of the tools before, as estimated.
 */
tokens_before: number, 
/**
 * And after.
 */
tokens_after: number, };

/**
 * Servers that answer on this machine and are in no settings.
 */
export type DiscoverRes = { 
/**
 * In the order of their ports.
 */
servers: Array<DiscoveredServer>, };

/**
 * One server that answers.
 */
export type DiscoveredServer = { 
/**
 * Where it is.
 */
base_url: string, 
/**
 * What it turned out to be.
 */
flavour: Flavour, 
/**
 * The preset for it.
 */
preset: string, 
/**
 * Its name for people.
 */
display: string, 
/**
 * Its version, where it tells.
 */
version: string | null, 
/**
 * Number of its models.
 */
models: number, };

/**
 * Nothing is asked for.
 */
export type DoctorReq = Record<symbol, never>;

/**
 * What is to be tested.
 */
export type DoctorRunReq = { 
/**
 * Model refs; none tests the models that have a role.
 */
models?: Array<string>, 
/**
 * Every model that is known: each is loaded for it.
 */
all?: boolean, 
/**
 * The longest prompt that is tried, in tokens; 0 tries none. Not set: 32,768 at home, none in the cloud.
 */
context_tokens?: number, };

/**
 * What the doctor knows.
 */
export type DoctorView = { 
/**
 * A run is under way.
 */
running: boolean, 
/**
 * The models of this run, or of the last one since the start, in their order.
 */
models: Array<string>, 
/**
 * The last checkup of every model that ever had one.
 */
checkups: Array<Checkup>, };

/**
 * One thing a conversion could not carry.
 */
export type DroppedRecord = { 
/**
 * Where it stood in the request, e.g. `messages[3].content[1]`.
 */
path: string, reason: string, };

/**
 * Which way the client's requests go.
 */
export type EnvReq = { 
/**
 * `auto`, `local`, `cloud` or a model ref; `auto` when not given.
 */
route?: string, };

/**
 * The variables for Claude Code. The client token is in here.
 */
export type EnvRes = { 
/**
 * Where clients send their requests.
 */
base_url: string, 
/**
 * The variables in the order they are shown.
 */
vars: Array<EnvVar>, 
/**
 * The same as text to paste, by the name of the shell.
 */
snippets: { [key in string]: string }, 
/**
 * Tokens the smallest window holds that may answer; for clients that keep less free than Claude Code.
 */
window: number | null, };

/**
 * One variable.
 */
export type EnvVar = { 
/**
 * Its name.
 */
name: string, 
/**
 * Its value; empty switches off what the user's own environment may hold.
 */
value: string, 
/**
 * What it is for.
 */
why: string, };

/**
 * The error the client was given.
 */
export type ErrorRecord = { code: string, message: string, hint: string | null, };

/**
 * What is known of the estimate for one model. As texts, because it is shown.
 */
export type EstimateCard = { 
/**
 * Answers it was learned from.
 */
answers: number, 
/**
 * Tokens the model counts for a hundred we estimate by ourselves.
 */
ratio_percent: number, 
/**
 * How far the corrected estimate was off of late, in tenths of a percent.
 */
error_permille: number, };

/**
 * What a repetition is expected to take.
 */
export type Expected = { 
/**
 * Who will be asked.
 */
model: string, 
/**
 * It is on the user's own hardware.
 */
local: boolean, 
/**
 * Tokens of the prompt.
 */
input_tokens: number, 
/**
 * Tokens of the answer, were it as long as the one then.
 */
output_tokens: number, 
/**
 * US dollars, as far as the price is known; nothing on the user's own hardware.
 */
usd: number | null, };

/**
 * The request to try: exactly one of `text` and `request`, and what comes with it.
 */
export type ExplainReq = { 
/**
 * A question as a human would type it.
 */
text?: string, 
/**
 * A whole request of either protocol.
 */
request?: unknown, 
/**
 * The model asked for, with `text`.
 */
model?: string, 
/**
 * Headers that come with it.
 */
headers: { [key in string]: string }, 
/**
 * The route it comes in by, such as `/v1/messages`.
 */
path?: string, 
/**
 * The client's working folder, instead of the one its instructions name.
 */
folder?: string, };

/**
 * Where a request would go, step by step.
 */
export type Explanation = { 
/**
 * Every step in words, in the order they are taken; also those that chose nothing.
 */
steps: Array<string>, 
/**
 * The steps that chose, as the log shows them.
 */
reasons: Array<string>, 
/**
 * `local` or `cloud`; `null` when no model would take it.
 */
target: string | null, 
/**
 * The role it is given to.
 */
role: string, 
/**
 * What sort of request it is.
 */
kind: string, 
/**
 * The first candidate.
 */
model: string | null, 
/**
 * A model that would give its conclusion first.
 */
advisor: string | null, 
/**
 * 0–100.
 */
score: number, 
/**
 * Scores at or above it go to the cloud.
 */
threshold: number, 
/**
 * What the score is made of.
 */
points: Array<PointRecord>, 
/**
 * Why it must stay on the user's own machines.
 */
private: string | null, 
/**
 * Why its turn would move to a stronger model.
 */
escalated: string | null, 
/**
 * Why no model would take it.
 */
refusal: string | null, 
/**
 * The client's working folder, where it is known.
 */
folder: string | null, 
/**
 * Our estimate of the prompt, in tokens.
 */
estimated_tokens: number, };

/**
 * The make of a server.
 */
export type Flavour = "lm_studio" | "llama_cpp" | "ollama" | "vllm" | "anthropic" | "openai_compatible";

/**
 * What became of the images of one request.
 */
export type ImageCounts = { total: number, 
/**
 * Described by the vision model for this request.
 */
described: number, 
/**
 * Description known already.
 */
cached: number, failed: number, };

/**
 * Which images are wanted; empty means the most recently used of all.
 */
export type ImageFilter = { 
/**
 * At most so many; 100 when not given.
 */
limit?: number, 
/**
 * So many of the first are skipped.
 */
offset?: number, 
/**
 * One image: its hash or the start of it.
 */
sha256?: string, model?: string, 
/**
 * Words that must all occur in the description (ASCII letters in any case).
 */
text?: string, };

/**
 * Which image.
 */
export type ImageReq = { 
/**
 * Its hash or the start of it.
 */
sha256: string, };

/**
 * Sums over all stored images.
 */
export type ImageTotals = { images: number, 
/**
 * Decoded size of the images, not of what is stored.
 */
bytes: number, hits: number, };

/**
 * The user's own words for an image.
 */
export type ImageUpdateReq = { 
/**
 * Its hash or the start of it.
 */
sha256: string, 
/**
 * The new description.
 */
description: string, };

/**
 * One described image.
 */
export type ImageView = { 
/**
 * A small PNG as a `data:` URL.
 */
thumbnail: string | null, 
/**
 * `image/png`…
 */
media_type: string, 
/**
 * Pixels; 0 when unknown.
 */
width: number, 
/**
 * Pixels; 0 when unknown.
 */
height: number, 
/**
 * Size of the decoded image.
 */
bytes: number, description: string, 
/**
 * Model ref (`backend:model`) that wrote the description.
 */
model: string, 
/**
 * The user rewrote the description: it stands whichever vision model is chosen.
 */
edited: boolean, created_at: number, last_used_at: number, 
/**
 * How often the stored description saved a call.
 */
hits: number, 
/**
 * Hex SHA-256 of the decoded image bytes.
 */
sha256: string, 
/**
 * Changes when the prompt does, so that old answers are not taken for new ones.
 */
prompt_version: string, };

/**
 * Forgets everything. A word of its own, so that an empty request cannot do it by accident.
 */
export type ImagesClearReq = { 
/**
 * Must be `true`.
 */
all: boolean, };

/**
 * What was forgotten.
 */
export type ImagesGone = { 
/**
 * Number of descriptions.
 */
removed: number, };

/**
 * Which images.
 */
export type ImagesReq = { 
/**
 * All of its conditions hold; empty means the 100 used last.
 */
filter?: ImageFilter, 
/**
 * Thumbnails come along.
 */
thumbnails?: boolean, };

/**
 * Described images, the one used last first.
 */
export type ImagesRes = { 
/**
 * The images asked for.
 */
images: Array<ImageView>, 
/**
 * Sums over all images there are.
 */
totals: ImageTotals, };

/**
 * Whether one backend has a key, and from where.
 */
export type KeyInfo = { 
/**
 * Name of the backend.
 */
backend: string, 
/**
 * The provider's name for people.
 */
display: string, 
/**
 * Nothing works without a key.
 */
required: boolean, 
/**
 * Where the key comes from; `null` when there is none.
 */
source: "environment" | "keyring" | null, 
/**
 * The variable that overrides the stored key.
 */
env_name: string, 
/**
 * Where keys are made.
 */
docs_hint: string, };

/**
 * Which backend.
 */
export type KeyReq = { 
/**
 * Its name in the settings.
 */
backend: string, };

/**
 * What became of a key.
 */
export type KeyRes = { 
/**
 * Something was stored or removed.
 */
changed: boolean, 
/**
 * What the user should know about it.
 */
note: string | null, };

/**
 * A key, for the one who asked to see it.
 */
export type KeyRevealRes = { 
/**
 * The key; `null` when there is none.
 */
key: string | null, };

/**
 * A key for a backend.
 */
export type KeySetReq = { 
/**
 * Name of the backend.
 */
backend: string, 
/**
 * The key itself.
 */
key: string, };

/**
 * Nothing is asked for.
 */
export type KeysReq = Record<symbol, never>;

/**
 * Which backends have a key. No key is in here.
 */
export type KeysRes = { 
/**
 * Every backend that takes a key.
 */
keys: Array<KeyInfo>, 
/**
 * Why the keyring could not be asked.
 */
keyring_error: ControlError | null, };

/**
 * Everything learned so far.
 */
export type LearnedOffset = { 
/**
 * Points added to every score, from -15 to 15; whole ones are in force.
 */
points: number, 
/**
 * Turns in which a local model struggled.
 */
struggles: number, 
/**
 * Turns asked again after a local answer.
 */
asked_again: number, 
/**
 * Turns the user sent to the cloud.
 */
sent_to_cloud: number, 
/**
 * Turns the user kept here.
 */
kept_local: number, 
/**
 * Local turns without trouble.
 */
calm: number, 
/**
 * Since when, in milliseconds since 1970.
 */
since: number, 
/**
 * The last lessons, newest first.
 */
lessons: Array<Lesson>, };

/**
 * Nothing is asked for.
 */
export type LearnedReq = Record<symbol, never>;

/**
 * What outcomes taught.
 */
export type LearnedRes = { 
/**
 * It is learned from outcomes (`routing.learn`).
 */
on: boolean, 
/**
 * Points in force: added to every score.
 */
in_force: number, 
/**
 * The most it can be, either way.
 */
bound: number, 
/**
 * What it was learned from.
 */
learned: LearnedOffset, };

/**
 * One lesson.
 */
export type Lesson = { 
/**
 * Milliseconds since 1970.
 */
at: number, 
/**
 * The request that taught it.
 */
request: string, 
/**
 * What it was.
 */
kind: LessonKind, 
/**
 * Points every score was shifted by.
 */
points: number, };

/**
 * What a turn taught.
 */
export type LessonKind = "struggle" | "asked_again" | "sent_to_cloud" | "kept_local";

/**
 * Who says how many requests a backend bears.
 */
export type LimitSource = "settings" | "server" | "default";

/**
 * Something worth showing.
 */
export type LiveEvent = { "type": "request_started", 
/**
 * Its record so far.
 */
record: RequestRecord, } | { "type": "request_finished", 
/**
 * Its record.
 */
record: RequestRecord, } | { "type": "backend_down", 
/**
 * Its name.
 */
backend: string, 
/**
 * Why, in words.
 */
reason: string, } | { "type": "backend_up", 
/**
 * Its name.
 */
backend: string, } | { "type": "circuit_opened", 
/**
 * Its name.
 */
backend: string, 
/**
 * Its last failure, in words.
 */
reason: string, 
/**
 * When it is tried again, in milliseconds since 1970.
 */
until: number, } | { "type": "circuit_closed", 
/**
 * Its name.
 */
backend: string, } | { "type": "request_queued", 
/**
 * The request.
 */
request: string, 
/**
 * Where it waits.
 */
backend: string, 
/**
 * How many are before it.
 */
ahead: number, } | { "type": "model_loading", 
/**
 * The model, as a model ref.
 */
model: string, 
/**
 * The request that waits for it.
 */
request: string | null, } | { "type": "model_loaded", 
/**
 * The model, as a model ref.
 */
model: string, 
/**
 * The request that waited for it.
 */
request: string | null, 
/**
 * How long it took. Where a request loaded it by itself, with the time to the beginning of its answer.
 */
ms: number, 
/**
 * Why it could not be loaded, in words.
 */
error: string | null, } | { "type": "other_model", 
/**
 * The request.
 */
request: string, 
/**
 * The model that was asked, as a model ref.
 */
asked: string, 
/**
 * The name the answer came under.
 */
answered: string, } | { "type": "budget", 
/**
 * How it stands.
 */
budget: BudgetView, } | { "type": "fallback", 
/**
 * The request.
 */
request: string, 
/**
 * The backend that was meant to answer.
 */
from: string, 
/**
 * Who answered.
 */
model: string, 
/**
 * The answer came from the cloud.
 */
cloud: boolean, 
/**
 * Why, in words.
 */
reason: string, } | { "type": "escalated", 
/**
 * The request it moved with.
 */
request: string, 
/**
 * Who goes on.
 */
model: string, 
/**
 * Why, in words.
 */
reason: string, } | { "type": "image_described", 
/**
 * Its hash.
 */
sha256: string, 
/**
 * Who described it.
 */
model: string, } | { "type": "doctor", 
/**
 * All it knows.
 */
doctor: DoctorView, } | { "type": "settings_changed", 
/**
 * What is wrong with them, if anything; the old ones stay in force then.
 */
problems: Array<string>, } | { "type": "server_changed", 
/**
 * It answers requests.
 */
running: boolean, 
/**
 * Why it could not start, in words.
 */
problem: string | null, } | { "type": "navigate", 
/**
 * Its name, and behind a slash what to show there: `overview`, `log/req_1`.
 */
page: string, };

/**
 * One model of one backend. `None` is "the server does not tell", never "no".
 */
export type ModelCard = { 
/**
 * Name of the backend in the settings.
 */
backend: string, 
/**
 * The id requests ask for.
 */
id: string, 
/**
 * The name people read.
 */
display: string, kind: ModelKind, 
/**
 * Takes pictures.
 */
vision: boolean | null, 
/**
 * Was trained to call tools.
 */
tools: boolean | null, 
/**
 * Can think before it answers.
 */
reasoning: boolean | null, 
/**
 * Is in memory.
 */
loaded: boolean | null, 
/**
 * What it is doing where that is neither loaded nor unloaded, in the server's word: `loading`, `sleeping`,
 * `downloading`, `failed`.
 */
state: string | null, 
/**
 * Tokens of the window that is really there now.
 */
context_loaded: number | null, 
/**
 * Tokens of the largest window it can have.
 */
context_max: number | null, 
/**
 * E.g. `Q4_K_M`.
 */
quantization: string | null, size_bytes: number | null, 
/**
 * Number of parameters as people write it, e.g. `26B-A4B`.
 */
params: string | null, 
/**
 * File format: `gguf`, `mlx`…
 */
format: string | null, 
/**
 * Ids of the loaded copies.
 */
instances: Array<string>, 
/**
 * Requests it answers at the same time.
 */
parallel: number | null, 
/**
 * How good the token estimate is for it; none before its first answer.
 */
estimate: EstimateCard | null, };

/**
 * What a model is made for.
 */
export type ModelKind = "llm" | "vision" | "embedding" | "unknown";

/**
 * Which model is to be loaded.
 */
export type ModelLoadReq = { 
/**
 * Its model ref.
 */
model: string, 
/**
 * Tokens of the window; the settings' or the server's own without it.
 */
context_length?: number, };

/**
 * Which model is to be unloaded.
 */
export type ModelUnloadReq = { 
/**
 * Its model ref.
 */
model: string, };

/**
 * Nothing is asked for.
 */
export type ModelsReq = Record<symbol, never>;

/**
 * Models in the order of their backends, and the roles as they are filled now.
 */
export type ModelsRes = { 
/**
 * Every model that is known.
 */
models: Array<ModelCard>, 
/**
 * Roles with at least one model; those not set are filled from what was found.
 */
roles: Array<RoleView>, };

/**
 * A turn that would go elsewhere.
 */
export type MovedTurn = { 
/**
 * Its first request that would.
 */
id: string, 
/**
 * Milliseconds since 1970.
 */
at: number, 
/**
 * What sort of request it is.
 */
kind: string, 
/**
 * Requests of the turn that would go elsewhere.
 */
requests: number, 
/**
 * Where it goes now.
 */
before: Course, 
/**
 * Where it would go.
 */
after: Course, };

/**
 * A port to go to.
 */
export type NextPortRes = { 
/**
 * The port of the settings.
 */
wanted: number, 
/**
 * Who holds it, where that can be known.
 */
holder: string | null, 
/**
 * The next one that is free.
 */
port: number | null, };

/**
 * Nothing is asked for.
 */
export type OffersReq = Record<symbol, never>;

/**
 * How the request ended.
 */
export type Outcome = "ok" | "error" | "cancelled" | "answered_here" | "unknown";

/**
 * Whether requests are answered.
 */
export type Phase = "stopped" | "running" | "stopping";

/**
 * Whose machine did the work. Kept beside the role, because a forced model or a fallback can send
 * a request of any role to either side.
 */
export type Place = "local" | "cloud" | "nowhere";

/**
 * One side's part of `Stats`.
 */
export type PlaceStats = { requests: number, input: number, output: number, cache_read: number, cache_write: number, reasoning: number, 
/**
 * As far as prices are known.
 */
cost_usd: number, 
/**
 * Requests, and calls of our own, whose price nobody knows.
 */
unpriced: number, 
/**
 * Calls of our own: dispatcher, adviser, descriptions of pictures, questions of the doctor's. Their tokens and their
 * cost are in the sums, they are not in `requests`.
 */
asides: number, };

/**
 * What was played.
 */
export type Played = { 
/**
 * Its session in the log.
 */
session: string, 
/**
 * How many requests it made.
 */
requests: number, };

/**
 * One signal's part of the score.
 */
export type PointRecord = { signal: string, points: number, why: string, };

/**
 * One provider that is known.
 */
export type PresetView = { 
/**
 * The value of `preset` in the settings, and a good name for the backend.
 */
id: string, 
/**
 * Its name for people.
 */
display: string, 
/**
 * Where it is; `null` where only the user can know.
 */
base_url: string | null, 
/**
 * The user's own hardware; `null` goes by the address.
 */
local: boolean | null, 
/**
 * Nothing works without a key.
 */
key_required: boolean, 
/**
 * How to start it, or where its keys are made.
 */
docs_hint: string, };

/**
 * Every provider that is known.
 */
export type PresetsRes = { 
/**
 * Local servers first.
 */
presets: Array<PresetView>, };

/**
 * How far a checkup is.
 */
export type Progress = "waiting" | "running" | "done" | "stopped";

/**
 * The queue before a backend.
 */
export type QueueView = { running: number, waiting: number, 
/**
 * How many may run.
 */
limit: number, limit_from: LimitSource, };

/**
 * What the threshold's what-if needs of one past request.
 */
export type RecentScore = { id: string, 
/**
 * 0–100.
 */
score: number, kind: string, role: string, place: Place, estimated_input_tokens: number, };

/**
 * Which records are wanted; empty means the newest of all.
 */
export type RecordFilter = { 
/**
 * At most so many; 100 when not given.
 */
limit?: number, 
/**
 * Only what is older than this one, to turn pages.
 */
before?: Cursor, backend?: string, role?: string, 
/**
 * What sort of request: `main`, `subagent`, `title`…
 */
kind?: string, 
/**
 * Nothing older, in milliseconds since 1970.
 */
after_ms?: number, outcome?: Outcome, 
/**
 * Only the doctor's questions, or only what is none of them.
 */
doctor?: boolean, 
/**
 * Words that must all occur, in any case, in the record's ids, models, reasons or error.
 */
text?: string, };

/**
 * A request beside its repetition.
 */
export type Replay = { 
/**
 * The cloud would be asked and nobody has said that it may: nothing was sent.
 */
needs_confirmation: boolean, 
/**
 * What the repetition is expected to take.
 */
expected: Expected, 
/**
 * What was answered then.
 */
original: Answered, 
/**
 * What is answered now; `null` as long as it needs confirmation.
 */
replay: Answered | null, };

/**
 * A request to repeat.
 */
export type ReplayReq = { 
/**
 * Its id: `req_…`.
 */
id: string, 
/**
 * Who is asked: a model ref, `local` or `cloud`.
 */
model: string, 
/**
 * The cloud may be asked. Without it the answer says what that would take, and nothing is sent there.
 */
confirm?: boolean, };

/**
 * One request as the log, the window and the database know it. Times in milliseconds.
 */
export type RequestRecord = { 
/**
 * `req_…`, the same id as in the `x-branchline-request-id` response header.
 */
id: string, 
/**
 * When the request arrived; kept and written as whole milliseconds since 1970.
 */
at: number, 
/**
 * From the request's arrival to the last byte of the answer.
 */
duration_ms: number, 
/**
 * From the request's arrival to the first token of the answer; none when none came.
 */
ttft_ms: number | null, 
/**
 * The protocol the client spoke, as `wire::Protocol` names it.
 */
protocol_in: string, path: string, 
/**
 * The client's user agent.
 */
client: string | null, 
/**
 * The client's session id.
 */
session: string | null, 
/**
 * The subagent's id, when a subagent asked.
 */
agent: string | null, stream: boolean, 
/**
 * The model id the client asked for.
 */
requested_model: string, decision: DecisionRecord, 
/**
 * Every backend that was tried, in order; the last one is the one that answered, if any did.
 */
attempts: Array<AttemptRecord>, 
/**
 * The backend that answered.
 */
backend: string | null, 
/**
 * The model that answered, without its backend.
 */
model: string | null, upstream_protocol: string | null, 
/**
 * Whose machine answered.
 */
place: Place, 
/**
 * HTTP status the client saw.
 */
status: number, outcome: Outcome, 
/**
 * The request this one tried again with another model.
 */
replay_of?: string, 
/**
 * A question of the doctor's, not of a client: it says nothing about the user's work.
 */
doctor: boolean, 
/**
 * The name the server answered under, where that is another model than the one that was asked.
 */
answered_as?: string, 
/**
 * Why the answer came from another candidate than the first, in words.
 */
fallback: string | null, usage: UsageRecord, cost: CostRecord, 
/**
 * Time spent waiting for a turn at busy backends, within `duration_ms`.
 */
queued_ms: number, estimated_input_tokens: number, 
/**
 * What a conversion could not carry.
 */
dropped: Array<DroppedRecord>, 
/**
 * Changes made to the request on its way, in words.
 */
edits: Array<string>, 
/**
 * What was repaired in the answer, in words.
 */
repairs: Array<string>, 
/**
 * What the prompt diet of the model left out; none where it has none.
 */
diet: DietRecord | null, 
/**
 * Tokens the model that answered was expected to count: our estimate, corrected by what it counted before.
 */
expected_input_tokens: number, images: ImageCounts, 
/**
 * Calls of our own to models, made for this request on the way to its answer, in the order in which they ended.
 * They are no requests of the client; what they cost is not in `cost`.
 */
asides?: Array<AsideRecord>, error: ErrorRecord | null, 
/**
 * Size of the client's request body.
 */
bytes_in: number, 
/**
 * Size of the answer's body.
 */
bytes_out: number, 
/**
 * Only when `log.bodies` asks for them. Lists of records come without.
 */
bodies: Bodies | null, };

/**
 * Which record.
 */
export type RequestReq = { 
/**
 * Its id: `req_…`.
 */
id: string, };

/**
 * Which records.
 */
export type RequestsReq = { 
/**
 * All of its conditions hold; empty means the newest 100.
 */
filter?: RecordFilter, };

/**
 * Records, newest first, without bodies.
 */
export type RequestsRes = { 
/**
 * The records.
 */
records: Array<RequestRecord>, 
/**
 * Records lost since the start, because too many came at once.
 */
dropped: number, };

/**
 * Requests since midnight.
 */
export type RequestsToday = { local: number, cloud: number, 
/**
 * Answered without a model.
 */
here: number, 
/**
 * Of all these, those that failed.
 */
failed: number, 
/**
 * Of all these, those another model stood in for.
 */
fallbacks: number, };

/**
 * One role and its models, best first.
 */
export type RoleView = { role: string, 
/**
 * Model refs.
 */
models: Array<string>, };

/**
 * A text to keep.
 */
export type SaveReq = { 
/**
 * The name of the file, without folders: `branchline-requests.jsonl`.
 */
name: string, 
/**
 * What stands in it.
 */
text: string, };

/**
 * It is kept.
 */
export type SaveRes = { 
/**
 * Where.
 */
path: string, };

/**
 * How many past scores.
 */
export type ScoresReq = { 
/**
 * At most so many; 500 when not given.
 */
limit?: number, };

/**
 * What the threshold would have done to the last requests.
 */
export type ScoresRes = { 
/**
 * Newest first.
 */
scores: Array<RecentScore>, 
/**
 * The threshold in force.
 */
threshold: number, };

/**
 * Nothing is asked for.
 */
export type ServerReq = Record<symbol, never>;

/**
 * Whether requests are answered, and what is in the way.
 */
export type ServerView = { 
/**
 * Whether requests are answered.
 */
phase: Phase, 
/**
 * `127.0.0.1:4117`, while it listens.
 */
address: string | null, 
/**
 * Requests that run now.
 */
requests_running: number, 
/**
 * Why it could not start, or could not go where the settings want it.
 */
problem: ControlError | null, 
/**
 * The port somebody else holds, when that is why.
 */
taken: TakenPort | null, 
/**
 * A port that is free, when the wanted one is taken.
 */
next_port: number | null, 
/**
 * What could not be opened; the app does without until it is started again.
 */
troubles: Array<ControlError>, 
/**
 * Requests that the last stop cut off.
 */
cut_off: number, };

/**
 * One change.
 */
export type SettingChange = { 
/**
 * Path of the setting: `routing.threshold`.
 */
path: string, 
/**
 * Its new value; `null` goes back to the default, and takes out what is no setting at all.
 */
value: unknown, };

/**
 * One thing that is wrong.
 */
export type SettingProblem = { 
/**
 * Path of the setting; empty when it is the file itself.
 */
path: string, 
/**
 * What is wrong, with the value.
 */
message: string, 
/**
 * What to do.
 */
hint: string, 
/**
 * Line in the file, from 1.
 */
line: number | null, };

/**
 * A settings file that is not saved yet.
 */
export type SettingsCheckReq = { 
/**
 * Its TOML.
 */
toml: string, };

/**
 * The settings as a file to carry to another machine.
 */
export type SettingsExportRes = { 
/**
 * Differences from the defaults; no key is in it.
 */
toml: string, };

/**
 * What is wrong with a settings file.
 */
export type SettingsProblems = { 
/**
 * Bad values; with any of them the file is not used.
 */
problems: Array<SettingProblem>, 
/**
 * Unknown keys and what looks like a mistake.
 */
warnings: Array<SettingProblem>, };

/**
 * Nothing is asked for.
 */
export type SettingsReq = Record<symbol, never>;

/**
 * The settings in force.
 */
export type SettingsRes = { 
/**
 * Every setting with its value, defaults included, by section.
 */
settings: Record<string, unknown>, 
/**
 * The same for a file with nothing in it.
 */
defaults: Record<string, unknown>, 
/**
 * Where the user's file is.
 */
file: string, };

/**
 * Goes back to the defaults. A word of its own, so that an empty request cannot do it by accident.
 */
export type SettingsResetReq = { 
/**
 * Must be `true`.
 */
all: boolean, };

/**
 * What became of the settings.
 */
export type SettingsResetRes = { 
/**
 * Where the old file lies now; `null` when there was none.
 */
kept_in: string | null, };

/**
 * Changes that are made all or not at all.
 */
export type SettingsSetReq = { 
/**
 * In the order they are made.
 */
changes: Array<SettingChange>, };

/**
 * How requests spread over the sides.
 */
export type Sides = { 
/**
 * Turns that stay on the user's machine from beginning to end.
 */
local_turns: number, 
/**
 * Turns of which at least one request goes to the cloud.
 */
cloud_turns: number, 
/**
 * Turns nobody would take.
 */
refused_turns: number, 
/**
 * The part of the turns that goes to the cloud, 0–1.
 */
cloud_share: number, 
/**
 * Tokens a day that go to the cloud and come from it.
 */
cloud_tokens_per_day: number, 
/**
 * US dollars a day; `null` when the price of a model is not known.
 */
cost_per_day: number | null, };

/**
 * Whether all is well; the word of `/health`.
 */
export type State = "starting" | "ok" | "degraded";

/**
 * Sums over a span of time.
 */
export type Stats = { requests: number, ok: number, errors: number, cancelled: number, answered_here: number, 
/**
 * Requests that went to another candidate than the first.
 */
fallbacks: number, local: PlaceStats, cloud: PlaceStats, 
/**
 * What the cloud's first model would have taken for everything, as far as prices are known.
 */
all_cloud_usd: number, 
/**
 * That, less what was paid, over the requests where both are known.
 */
saved_usd: number, };

/**
 * Which span of time; nothing means today.
 */
export type StatsReq = { 
/**
 * Begin, in milliseconds since 1970.
 */
from_ms?: number, 
/**
 * End, excluded; nothing means now.
 */
until_ms?: number, };

/**
 * Sums over a span of time.
 */
export type StatsRes = { 
/**
 * The sums.
 */
stats: Stats, 
/**
 * The part of model calls that stayed on the user's machine, 0–1; `null` when there were none.
 */
local_share: number | null, };

/**
 * Nothing is asked for.
 */
export type StatusReq = Record<symbol, never>;

/**
 * What the status page shows.
 */
export type StatusView = { state: State, version: string, 
/**
 * The address clients use, e.g. `http://127.0.0.1:4117`.
 */
address: string, 
/**
 * `auto`, `local`, `cloud` or `dispatcher`.
 */
mode: string, 
/**
 * Why everything stays on the user's machines although he has set no such thing: what must stay cannot be read.
 */
held: string | null, 
/**
 * Scores at or above it go to the cloud.
 */
threshold: number, backends: Array<BackendView>, roles: Array<RoleView>, requests_today: RequestsToday, requests_running: number, 
/**
 * Requests that wait for their turn at busy backends.
 */
requests_waiting: number, 
/**
 * Money since midnight.
 */
cost_today: CostToday, 
/**
 * The day's budget for the cloud.
 */
budget: BudgetView, };

/**
 * The requests of one step of a timeline.
 */
export type Step = { 
/**
 * Which step, from 0.
 */
step: number, local: number, cloud: number, 
/**
 * Answered without a model.
 */
here: number, 
/**
 * Of all these, those that failed.
 */
failed: number, };

/**
 * A port another program holds.
 */
export type TakenPort = { 
/**
 * Its number.
 */
port: number, 
/**
 * The program, where that can be known: `python3 (process 4711)`.
 */
holder: string | null, };

/**
 * What is tested, in this order.
 */
export type TestName = "answer" | "call" | "parallel" | "round_trip" | "stream" | "vision" | "context" | "speed";

/**
 * One test of one model.
 */
export type TestResult = { test: TestName, verdict: Verdict, 
/**
 * What was seen, in words.
 */
reason: string, 
/**
 * The next step, where there is one.
 */
hint: string | null, 
/**
 * The request in the log, where one was sent.
 */
request: string | null, 
/**
 * How long the test took, in ms.
 */
ms: number, };

/**
 * Which steps of time.
 */
export type TimelineReq = { 
/**
 * Length of a step; a minute when not given.
 */
step_ms?: number, 
/**
 * How many steps, the last one being that of now; 60 when not given, 1,000 at most.
 */
steps?: number, };

/**
 * Requests over time.
 */
export type TimelineRes = { 
/**
 * Begin of step 0, in milliseconds since 1970.
 */
from_ms: number, 
/**
 * Length of a step.
 */
step_ms: number, 
/**
 * How many steps there are.
 */
steps: number, 
/**
 * Those in which there were requests.
 */
counts: Array<Step>, };

/**
 * A call a model asks for.
 */
export type ToolCall = { 
/**
 * The tool.
 */
name: string, 
/**
 * Its arguments.
 */
input: unknown, };

/**
 * A server to ask before it is added.
 */
export type TryReq = { 
/**
 * The preset; not given: `openai_compatible`.
 */
preset?: string, 
/**
 * Its address; not given: that of the preset.
 */
base_url?: string, 
/**
 * A key to ask with; it is not kept.
 */
key?: string, };

/**
 * What it answered.
 */
export type TryRes = { 
/**
 * It is there and lists its models.
 */
ok: boolean, 
/**
 * What it turned out to be.
 */
flavour: Flavour | null, 
/**
 * Its version, where it tells.
 */
version: string | null, 
/**
 * Ids of its models.
 */
models: Array<string>, 
/**
 * Time of its answer.
 */
latency_ms: number | null, 
/**
 * Why it is not there.
 */
error: ControlError | null, };

/**
 * Nothing is asked for.
 */
export type UiLinkReq = Record<symbol, never>;

/**
 * A link that opens the window once.
 */
export type UiLinkRes = { 
/**
 * The whole link; the code stands behind `#`, where no server and no log sees it.
 */
url: string, 
/**
 * How long it can be opened.
 */
valid_s: number, };

/**
 * Tokens as the backend reported them; zero where it said nothing. As in Anthropic's usage,
 * `input` does not hold the cached ones.
 */
export type UsageRecord = { input: number, output: number, cache_read: number, cache_write: number, 
/**
 * The part of `cache_write` that is kept for an hour.
 */
cache_write_hour: number, 
/**
 * The part of `output` spent on thinking.
 */
reasoning: number, };

/**
 * How a test went; the worse, the greater.
 */
export type Verdict = "skipped" | "pass" | "repaired" | "limited" | "fail";

/**
 * What changed settings would have done to past requests.
 */
export type WhatIf = { 
/**
 * Requests decided again.
 */
requests: number, 
/**
 * Requests of the log that cannot be: written by an older version.
 */
skipped: number, 
/**
 * Requests of which too little is kept to try all of the changed rules on them: words nobody looked for at the
 * time, headers that may hold keys. Those rules count as not fitting; of `never_cloud`, what was found then stands.
 */
untold: number, 
/**
 * Turns among them: a human message and the tool loop that follows.
 */
turns: number, 
/**
 * Requests whose first model would be another.
 */
changed_requests: number, 
/**
 * Turns with such a request.
 */
changed_turns: number, 
/**
 * Days from the first to the last of the requests, at least one.
 */
days: number, 
/**
 * Under the settings as they are.
 */
before: Sides, 
/**
 * Under the changed settings.
 */
after: Sides, 
/**
 * The changed turns, newest first, at most 200.
 */
changed: Array<MovedTurn>, };

/**
 * Changes to try.
 */
export type WhatIfReq = { 
/**
 * As for `settings.set`; nothing is saved.
 */
changes: Array<SettingChange>, 
/**
 * On so many of the last requests; 500 when not given.
 */
last?: number, };

/** Every command: what it takes, what it answers. */
export type Commands = {
  "status": { request: StatusReq; answer: StatusView };
  "models.list": { request: ModelsReq; answer: ModelsRes };
  "models.refresh": { request: ModelsReq; answer: ModelsRes };
  "models.load": { request: ModelLoadReq; answer: ModelCard };
  "models.unload": { request: ModelUnloadReq; answer: ModelCard };
  "doctor.run": { request: DoctorRunReq; answer: DoctorView };
  "doctor.last": { request: DoctorReq; answer: DoctorView };
  "doctor.stop": { request: DoctorReq; answer: DoctorView };
  "backends.list": { request: BackendsReq; answer: BackendsRes };
  "backends.test": { request: BackendTestReq; answer: BackendTestRes };
  "backends.presets": { request: OffersReq; answer: PresetsRes };
  "backends.discover": { request: OffersReq; answer: DiscoverRes };
  "backends.try": { request: TryReq; answer: TryRes };
  "keys.list": { request: KeysReq; answer: KeysRes };
  "keys.set": { request: KeySetReq; answer: KeyRes };
  "keys.remove": { request: KeyReq; answer: KeyRes };
  "keys.unlock": { request: KeysReq; answer: KeysRes };
  "keys.reveal": { request: KeyReq; answer: KeyRevealRes };
  "settings.get": { request: SettingsReq; answer: SettingsRes };
  "settings.set": { request: SettingsSetReq; answer: SettingsProblems };
  "settings.check": { request: SettingsCheckReq; answer: SettingsProblems };
  "settings.problems": { request: SettingsReq; answer: SettingsProblems };
  "settings.reset": { request: SettingsResetReq; answer: SettingsResetRes };
  "settings.export": { request: SettingsReq; answer: SettingsExportRes };
  "requests.list": { request: RequestsReq; answer: RequestsRes };
  "requests.get": { request: RequestReq; answer: RequestRecord };
  "requests.stats": { request: StatsReq; answer: StatsRes };
  "requests.timeline": { request: TimelineReq; answer: TimelineRes };
  "whatif.scores": { request: ScoresReq; answer: ScoresRes };
  "requests.replay": { request: ReplayReq; answer: Replay };
  "routing.calibrate": { request: CalibrateReq; answer: CalibrateRes };
  "routing.learned": { request: LearnedReq; answer: LearnedRes };
  "routing.learned_reset": { request: LearnedReq; answer: LearnedRes };
  "routing.whatif": { request: WhatIfReq; answer: WhatIf };
  "images.list": { request: ImagesReq; answer: ImagesRes };
  "images.get": { request: ImageReq; answer: ImageView };
  "images.update": { request: ImageUpdateReq; answer: ImageView };
  "images.delete": { request: ImageReq; answer: ImagesGone };
  "images.clear": { request: ImagesClearReq; answer: ImagesGone };
  "classify": { request: ClassifyReq; answer: Classification };
  "routing.explain": { request: ExplainReq; answer: Explanation };
  "connect.env": { request: EnvReq; answer: EnvRes };
  "connect.claude": { request: ClaudeFileReq; answer: ClientFileView };
  "connect.claude_write": { request: ClaudeWriteReq; answer: ClientFileView };
  "connect.claude_undo": { request: ClaudeUndoReq; answer: ClientFileUndone };
  "demo.state": { request: DemoReq; answer: DemoState };
  "demo.play": { request: DemoPlayReq; answer: Played };
  "about": { request: AboutReq; answer: AboutRes };
  "ui.link": { request: UiLinkReq; answer: UiLinkRes };
  "server.state": { request: ServerReq; answer: ServerView };
  "server.start": { request: ServerReq; answer: ServerView };
  "server.stop": { request: ServerReq; answer: ServerView };
  "server.next_port": { request: ServerReq; answer: NextPortRes };
  "desktop.autostart.get": { request: ServerReq; answer: AutostartRes };
  "desktop.autostart.set": { request: AutostartReq; answer: AutostartRes };
  "desktop.copy": { request: CopyReq; answer: CopyRes };
  "desktop.save": { request: SaveReq; answer: SaveRes };
};
