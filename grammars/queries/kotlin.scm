(function_declaration name: (_) @name (function_body)? @body) @definition
(class_declaration name: (_) @name (class_body)? @body) @definition
(object_declaration name: (_) @name (class_body)? @body) @definition
(import) @import
