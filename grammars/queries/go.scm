(function_declaration name: (_) @name body: (_) @body) @definition
(method_declaration name: (_) @name body: (_) @body) @definition
(type_declaration (type_spec name: (_) @name)) @definition
(const_spec name: (_) @name) @definition
(import_declaration) @import
