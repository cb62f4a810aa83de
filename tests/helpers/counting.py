"""How long code is: lines without blank ones, comments and docstrings."""

import ast
import io
import tokenize


def code_lines(
    source: str,
) -> set[int]:
    "The lines that hold code; blank lines, comments and docstrings hold none."
    quiet = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type not in quiet]
    strings = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    docs = [n for n in strings if isinstance(n.value, ast.Constant) and isinstance(n.value.value, str)]
    code = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    return code - {line for doc in docs for line in range(doc.lineno, doc.end_lineno + 1)}


def lines_of_code(
    source: str,
) -> int:
    "How many they are."
    return len(code_lines(source))


def bodies(
    source: str,
) -> dict[str, int]:  # name -> lines of code after its docstring
    "How long each function is; one inside another counts for both."
    tree = ast.parse(source)
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    counted = code_lines(source)
    return {
        f"{node.lineno}: {node.name}": len(counted & set(range(node.body[0].lineno, node.end_lineno + 1)))
        for node in ast.walk(tree)
        if isinstance(node, kinds)
    }
