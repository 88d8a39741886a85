-- Questions of the doctor's stand in the log, but they are no requests of the user's. A row that cannot be read stays as it is.
ALTER TABLE records ADD COLUMN doctor INTEGER NOT NULL DEFAULT 0;
UPDATE records SET doctor = 1 WHERE CASE WHEN json_valid(data) THEN json_extract(data, '$.doctor') END;
