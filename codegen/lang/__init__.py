"""What ring-0 code imports: the language's types, layouts, decorators, intrinsics, and their meaning under CPython."""
