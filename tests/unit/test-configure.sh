#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# ./configure --deps with an apt-get, a dpkg-query and an id that say how they were called: nothing is
# asked and nothing is installed.
. "$(dirname "$0")/shell.sh"
shown=said

cp "$top/configure" .
mkdir bin
cat >bin/apt-get <<'S'
#!/bin/sh
echo "apt-get $*" DEBIAN_FRONTEND="$DEBIAN_FRONTEND" >>calls
! read -r line || echo "something could be asked" >>calls
case $1 in
install)
    [ ! -e fail ] || { echo "E: no such package"; exit 100; }
    touch installed
    ;;
update) ! [ -e fail ] ;;
esac
S
cat >bin/dpkg-query <<'S'
#!/bin/sh
for package; do :; done
if [ "$package" != fuse3 ] || [ -e installed ]; then echo installed; else echo config-files; fi
S
printf '#!/bin/sh\necho $USER_ID\n' >bin/id
chmod +x bin/*
# What comes after --deps may fail here: it says what this machine lacks.
deps() {   # USER
    rm -f calls installed
    : >calls
    USER_ID=$1 PATH=$PWD/bin:$PATH ./configure --deps >said 2>&1
}
called() { grep -qe "$1" calls; }

for input in full empty closed; do
    case $input in
    full) yes | deps 0 ;;
    empty) deps 0 </dev/null ;;
    closed) deps 0 <&- ;;
    esac
    check "standard input $input: what is missing is installed" called '^apt-get install -y [a-z-]* fuse3 -o'
    check "standard input $input: a changed configuration file stays" called '=--force-confold'
    check "standard input $input: no questions" is "$(grep -c 'DEBIAN_FRONTEND=noninteractive$' calls)" 2
    check "standard input $input: nobody to answer one" is "$(grep asked calls)" ""
    check "standard input $input: no log is left" [ ! -e configure-apt.log ]
done

touch fail
deps 0
check "apt-get fails: so does configure" [ $? = 1 ]
check "apt-get fails: its reason" grep -q '^E: no such package' said
check "apt-get fails: where the log is" grep -q 'the log is configure-apt.log' said
rm fail
deps 1000
check "an ordinary user: configure fails" [ $? = 1 ]
check "an ordinary user: the command is told" grep -q 'as root: .*apt-get install -y .* fuse3$' said
check "an ordinary user: it isn't run" is "$(cat calls)" ""
echo "1..$number"
