//! Simulated model servers with scripted answers and faults
