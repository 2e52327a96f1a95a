/* One of the objects of the miniature's only extension module. */
#define NAME2(n) mini_##n
#define NAME(n) NAME2(n)
int NAME(NUMBER)(void)
{
	return NUMBER;
}
