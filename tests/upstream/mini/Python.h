/* The miniature's Include/Python.h. */
#define NAME2(n) mini_##n
#define NAME(n) NAME2(n)
