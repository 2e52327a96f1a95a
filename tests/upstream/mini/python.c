/* The program of the miniature CPython; the rest is in its library. */
int stub_main(int argc, char **argv);
int main(int argc, char **argv)
{
    return stub_main(argc, argv);
}
