# Parts of the rows of input devices. For other scripts to read.
input_parts='file told state queue write share effects repeat shown'
uinput_parts='ends states sleepers made'
# Those that need nothing but a node.
lent_parts='file told state queue share'
