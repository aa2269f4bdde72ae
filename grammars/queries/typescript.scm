(function_declaration name: (_) @name body: (_) @body) @definition
(class_declaration name: (_) @name body: (_) @body) @definition
(abstract_class_declaration name: (_) @name body: (_) @body) @definition
(method_definition name: (_) @name body: (_) @body) @definition
(interface_declaration name: (_) @name) @definition
(type_alias_declaration name: (_) @name) @definition
(enum_declaration name: (_) @name) @definition
(lexical_declaration (variable_declarator name: (identifier) @name value: (arrow_function body: (_) @body))) @definition
(import_statement) @import
