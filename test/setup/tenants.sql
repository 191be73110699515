\set ECHO none
-- Two tenants as literals for statements, and messages without the places in functions that they come from. Each file of
-- this directory is read from the project's directory, where pg_regress runs psql (--inputdir=.), and is not in a test's
-- output: ECHO is none from its first line to its last.
\set SHOW_CONTEXT never
\set a '''aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa'''
\set b '''bbbbbbbb-bbbb-bbbb-bbbb-bbbbbbbbbbbb'''
\set ECHO all
