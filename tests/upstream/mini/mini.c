/* One of the objects of the miniature's only extension module. */
#include "Python.h"

int NAME(NUMBER)(void)
{
	return NUMBER;
}
