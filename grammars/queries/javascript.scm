(function_declaration name: (_) @name body: (_) @body) @definition
(generator_function_declaration name: (_) @name body: (_) @body) @definition
(class_declaration name: (_) @name body: (_) @body) @definition
(method_definition name: (_) @name body: (_) @body) @definition
(lexical_declaration (variable_declarator name: (identifier) @name value: (arrow_function body: (_) @body))) @definition
(lexical_declaration (variable_declarator name: (identifier) @name value: (function_expression body: (_) @body))) @definition
(import_statement) @import
