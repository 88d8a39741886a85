//! Settings: schema, loading, saving, checking, provider presets, secrets
