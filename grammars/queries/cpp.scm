(function_definition declarator: (function_declarator declarator: (_) @name) body: (_) @body) @definition
(declaration declarator: (function_declarator declarator: (identifier) @name)) @definition
(class_specifier name: (_) @name body: (_) @body) @definition
(struct_specifier name: (_) @name body: (_)) @definition
(enum_specifier name: (_) @name body: (_)) @definition
(type_definition declarator: (type_identifier) @name) @definition
(alias_declaration name: (_) @name) @definition
(preproc_include) @import
(using_declaration) @import
