//! Routing as pure functions: signals, score, decision, policy
