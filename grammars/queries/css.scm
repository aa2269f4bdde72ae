(rule_set (selectors) @name (block) @body) @definition
(import_statement) @import
