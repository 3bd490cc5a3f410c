# Flashes of ours that are as mtdram and nandsim in `on_qemu.sh`. For other scripts to read.
ram='mtd:ram,num=0,size=4MiB,erase=128KiB,name=mtdram test device'
nand='mtd:nand,num=0,size=4MiB,page=2048,oob=64,ecc=hamming,bad=3+17,parts=-(NAND simulator partition 0)'
