"""Size and complexity of a source file, in any language that lizard reads."""

import lizard


def measure(path: str, text: str) -> dict[str, int]:
    """Return the file's size and complexity figures; `path` only tells lizard the language by its ending.

    `loc` counts lines that hold code (no blanks, no comments). `cyclomatic_complexity` is the sum over functions and
    methods, `max_complexity` the worst of them; a file without functions has 0 in both. `parameters` and
    `max_parameters` count declared parameters likewise, `max_function_loc` is the longest function in lines of code.
    """
    found = lizard.analyze_file.analyze_source_code(path, text)
    functions = found.function_list
    complexity = [function.cyclomatic_complexity for function in functions]
    parameters = [len(function.parameters) for function in functions]
    return {
        "loc": found.nloc,
        "cyclomatic_complexity": sum(complexity),
        "max_complexity": max(complexity, default=0),
        "functions": len(functions),
        "parameters": sum(parameters),
        "max_parameters": max(parameters, default=0),
        "max_function_loc": max((function.nloc for function in functions), default=0),
        "tokens": found.token_count,
    }
