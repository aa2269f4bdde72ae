(function_declaration name: (_) @name body: (_)? @body) @definition
