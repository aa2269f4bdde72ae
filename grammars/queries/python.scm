(function_definition name: (_) @name body: (_) @body) @definition
(class_definition name: (_) @name body: (_) @body) @definition
(module (expression_statement (assignment left: (identifier) @name)) @definition)
(import_statement) @import
(import_from_statement) @import
